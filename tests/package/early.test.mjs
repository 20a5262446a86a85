// What leaves a page that is left before the module runs: the stub tells the same of an address as the module, over the vectors of
// the wire, and nothing of any other parameter. Runs the built stub and the built module on each address; Node stands in for
// the page. Two spellings are the module's alone (ALONE), so that a page that is left early does not tell of them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const { TRAILMARK_SDK: sdk } = process.env;
const vectors = JSON.parse(readFileSync(new URL('../../crates/trailmark-wire/vectors/capture.json', import.meta.url)));

/** What the stub uses of a browser. */
const GLOBALS = ['window', 'document', 'navigator', 'location', 'origin', 'localStorage', 'performance', 'fetch', 'setTimeout', 'addEventListener'];
const run = new Function(...GLOBALS, readFileSync(join(sdk, 'stub.js'), 'utf8'));

/** Opens a page and leaves it at once: what the stub sends, `{ url, init }`, with the body read; `null` where nothing. */
function left({ url, params = [], consent = 'granted', endpoint, src = 'https://acme.example/tm/sdk.js', framed = false, navigator = {} }) {
  const dataset = { site: 'acme', consent, params: params.join(' '), ...(endpoint && { endpoint }) };
  const listeners = {}, window = {};
  window.top = framed ? {} : window;
  let sent = null;
  const fetch = (url, init) => {
    sent = { url: String(url), init, body: JSON.parse(init.body) };
    return Promise.reject(new TypeError('nobody is there to hear of a failure'));
  };
  const { href, origin } = new URL(url), document = { getElementsByTagName: () => [{ dataset, src }] };
  run(window, document, navigator, { href }, origin, {}, {}, fetch, () => 0, (type, listener) => (listeners[type] = listener));
  listeners.pagehide();
  return sent;
}

// The module. No timer ends, and the proxy answers nothing, so that it tells of an arrival once.
const { glue, wasm } = JSON.parse(readFileSync(join(sdk, 'manifest.json')));
const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
let told;
crypto.subtle.generateKey = async () => pair;
Object.assign(globalThis, {
  document: { cookie: '', baseURI: 'https://acme.example/' },
  setTimeout: () => 0,
  fetch: async (request) => {
    told = (await request.json()).url;
    return new Response(null, { status: 204 });
  },
});
const module = await import(pathToFileURL(join(sdk, glue)));
await module.load(readFileSync(join(sdk, wasm)));

/** The address that the module tells of an arrival; `null` where nothing. */
async function tells({ url, params = [] }) {
  told = null;
  const values = ['acme', 'https://acme.example/tm', 'granted', params.join(), '', '0'.repeat(32), '2026-11-28T12:00:00Z', '', new URL(url).href];
  await module.call(module.start(values.join('\0')), '');
  return told;
}

const PATH_BYTES = 1_024, PIECE_BYTES = 2_048;

/** What an address says, whatever its separators: origin and path, and each name, as it is read, with its value as written. */
function read(url) {
  const { origin } = new URL(url), end = url.search(/[?&;#]|%3f|$/i);
  const pieces = url.slice(end).split(/[?&;#]/).map((piece) => piece.slice(0, PIECE_BYTES).match(/^([^=]*)=(.+)$/)).filter(Boolean);
  const name = (text) => unescape(text.replaceAll('+', ' ')).toLowerCase().split(/[&?;/ ]/).at(-1);
  return [url.slice(0, Math.min(end, origin.length + PATH_BYTES)), pieces.map(([, raw, value]) => [name(raw), value])];
}

/** An escaped letter in a name, and a name in a path that is too long to be told. */
const ALONE = ({ url, params = [] }) => /%61ff/.test(url) || (new URL(url).pathname.length >= PATH_BYTES && params.length > 0);

test('the stub tells of every vector what the module tells', async () => {
  let touches = 0;
  for (const vector of vectors.filter((vector) => !ALONE(vector))) {
    const [early, late] = [left(vector), await tells(vector)];
    touches += late !== null;
    assert.deepEqual(early && read(early.body.url), late && read(late), vector.url);
  }
  assert.ok(touches > 90 && vectors.filter(ALONE).length < 4, `${touches} touches`);
});

// What a site's address may hold beside a click, and what each of it must become.
const SENSITIVE = 'access_token=leak&code=leak&email=leak%40example.org&next=%2Freset%3Ftoken%3Dleak&clickrefs=leak&xclickref=leak&utm=leak&leak';
for (const [what, url, told] of [
  ['the query', `https://acme.example/a?${SENSITIVE}&clickref=x&${SENSITIVE}`, ['https://acme.example/a', [['clickref', 'x']]]],
  ['the fragment', `https://acme.example/?clickref=x#${SENSITIVE}&utm_term=leak`, ['https://acme.example/', [['clickref', 'x']]]],
  ['a route in the fragment', `https://acme.example/#/leak?${SENSITIVE}&clickref=x&utm_id=leak`, ['https://acme.example/', [['clickref', 'x']]]],
  ['campaigns', 'https://acme.example/?UTM_Source=s&clickref=x&utm_term=t', ['https://acme.example/', [['utm_source', 's'], ['clickref', 'x'], ['utm_term', 't']]]],
  ['a campaign without a value', 'https://acme.example/?utm_source&token=leak&clickref=x', ['https://acme.example/', [['clickref', 'x']]]],
  ['a session in the path', 'https://acme.example/a;jsessionid=leak?clickref=x', ['https://acme.example/a', [['clickref', 'x']]]],
  ['a small %3f in the path', 'https://acme.example/a%3fclickref=x&token=leak', ['https://acme.example/a', [['clickref', 'x']]]],
  ['a user name and a password', 'https://leak:leak@acme.example/@ada?clickref=x', ['https://acme.example/@ada', [['clickref', 'x']]]],
])
  test(`of ${what} the stub tells recognised names alone, as the module does`, async () => {
    const early = left({ url });
    assert.deepEqual(read(early.body.url), told);
    assert.deepEqual(read(await tells({ url })), told);
    assert.doesNotMatch(JSON.stringify(early), /leak/);
  });

test('a page that is left without a click, without consent, under GPC, or that is a frame, tells nothing', () => {
  const url = 'https://acme.example/?clickref=x';
  for (const page of [
    { url: `https://acme.example/?${SENSITIVE}&utm_source=s#utm_source=s` },
    { url: 'https://acme.example/?clickref=' },
    { url, consent: 'pending' },
    { url, consent: 'denied' },
    { url, navigator: { globalPrivacyControl: true } },
    { url, framed: true },
  ])
    assert.equal(left(page), null, JSON.stringify(page));
});

test('it goes to the proxy, outlives the page, takes the cookies along, and shows its origin under any referrer policy', () => {
  const url = 'https://acme.example/shop/?clickref=x';
  const { url: to, init } = left({ url });
  // A `POST` in CORS mode, which is the default, has its origin whatever the policy (Fetch standard, "append a request Origin header").
  assert.deepEqual({ ...init, body: '' }, { method: 'POST', credentials: 'include', keepalive: true, body: '' });
  assert.equal(to, 'https://acme.example/tm/v1/clicks');
  for (const [page, expected] of [
    [{ src: 'https://tm.acme.example/x/sdk.js?v=2' }, 'https://tm.acme.example/x/v1/clicks'],
    [{ endpoint: '/tm' }, '/tm/v1/clicks'],
    [{ endpoint: 'https://tm.acme.example/x/' }, 'https://tm.acme.example/x/v1/clicks'],
  ])
    assert.equal(left({ url, ...page }).url, expected);
});
