// Who is compared: builds of Trailmark and its peers, each installed as its documents say, with the bench's server in place of
// the vendor's host. The peers come from npm (the folder TRAILMARK_PEERS). Their backends answer as for an account that has
// nothing extra switched on, which is the least that a page can pay. Measures nothing; pages.mjs does.
//
// Dub publishes its script on its own host alone. TRAILMARK_DUB is the file that its customers with conversions load, built from
// a clone of github.com/dubinc/analytics with the settings of its packages/script/build.js:
//
//   cat packages/script/src/base.js packages/script/src/extensions/conversion-tracking.js |
//     npx esbuild --bundle --minify --format=iife --target=es2015 > dub.js

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const SCRIPT = 'text/javascript';
const JSON_TYPE = 'application/json';
const json = (value) => ({ type: JSON_TYPE, body: JSON.stringify(value) });

/**
 * A build of Trailmark from its `crates/trailmark-proxy/sdk`. Its files come from the bench's server, as those of the peers do;
 * only the reports go to the proxy.
 */
const trailmark = (name, path, folder) => {
  const names = readdirSync(folder).filter((file) => /^sdk.*\.(js|wasm)$/.test(file));
  const type = (file) => (file.endsWith('.js') ? SCRIPT : 'application/wasm');
  const file = (file) => [`${path}/${file}`, { type: type(file), body: readFileSync(join(folder, file)) }];
  const stub = readFileSync(join(folder, 'stub.js'), 'utf8');
  return {
    name,
    head: `<script>${stub}</script>
      <script async src="${path}/sdk.js" data-site="acme" data-consent="granted" data-endpoint="/tm"></script>`,
    files: Object.fromEntries(names.map(file)),
    tells: { click: '/tm/v1/clicks' },
    isOurs: true,
  };
};

const dub = (file) => ({
  name: 'Dub (conversion tracking)',
  head: `<script>window.dubAnalytics = { q: [] };</script>
    <script defer src="/dub/script.js" data-api-host="/dub" data-publishable-key="dub_pk_bench" data-short-domain="go.example"
      data-cookie-options='{"domain":""}'></script>`,
  files: { '/dub/script.js': { type: SCRIPT, body: readFileSync(file) } },
  answers: {
    '/dub/track/click': json({ clickId: 'bench0123456789a', partner: { id: 'pn_1', name: 'Ada', image: null }, discount: null }),
  },
  tells: { click: '/dub/track/click' },
});

const plausible = (modules) => ({
  name: 'Plausible',
  head: `<script type="module">
    import { init } from '/plausible/plausible.js';
    init({ domain: 'shop.example', endpoint: '/plausible/api/event', captureOnLocalhost: true });
  </script>`,
  files: { '/plausible/plausible.js': { type: SCRIPT, body: readFileSync(join(modules, '@plausible-analytics/tracker/plausible.js')) } },
  answers: { '/plausible/api/event': { status: 202, type: 'text/plain', body: 'ok' } },
  tells: { click: '/plausible/api/event', none: '/plausible/api/event' },
});

/** What PostHog tells a page of a project without recordings, surveys and flags. */
const PROJECT = {
  token: 'phc_bench',
  supportedCompression: ['gzip-js'],
  hasFeatureFlags: false,
  sessionRecording: false,
  surveys: false,
  heatmaps: false,
  capturePerformance: false,
  captureDeadClicks: false,
  errorTracking: { autocaptureExceptions: false },
  siteApps: [],
};

const posthog = (modules) => ({
  name: 'PostHog',
  // Chromium without a window looks like a bot.
  head: `<script async src="/posthog/static/array.js"
    onload="posthog.init('phc_bench', { api_host: location.origin + '/posthog', opt_out_useragent_filter: true })"></script>`,
  files: { '/posthog/static/array.js': { type: SCRIPT, body: readFileSync(join(modules, 'posthog-js/dist/array.js')) } },
  answers: {
    '/posthog/array/phc_bench/config.js': {
      type: SCRIPT,
      body: `window._POSTHOG_REMOTE_CONFIG = { phc_bench: { config: ${JSON.stringify(PROJECT)}, siteApps: [] } };`,
    },
    '/posthog/array/phc_bench/config': json(PROJECT),
    '/posthog/flags/': json({ flags: {}, errorsWhileComputingFlags: false }),
    '/posthog/e/': json({ status: 'Ok' }),
  },
  tells: { click: '/posthog/e/', none: '/posthog/e/' },
});

/**
 * Those that are compared. Each has a `name`, the `head` of its page, `files` by path, the `answers` of its backend by path, and
 * the path that it posts to on a page with a click and on one without (`tells`), by which the bench sees that it works.
 */
export function compared({ TRAILMARK_SDK, TRAILMARK_BEFORE, TRAILMARK_DUB, TRAILMARK_PEERS }) {
  const modules = join(TRAILMARK_PEERS, 'node_modules');
  return [
    { name: 'no script', head: '' },
    ...(TRAILMARK_BEFORE ? [trailmark('Trailmark before', '/before', TRAILMARK_BEFORE)] : []),
    trailmark('Trailmark', '/after', TRAILMARK_SDK),
    ...(TRAILMARK_DUB ? [dub(TRAILMARK_DUB)] : []),
    plausible(modules),
    posthog(modules),
  ].map((one) => ({ files: {}, answers: {}, tells: {}, ...one }));
}
