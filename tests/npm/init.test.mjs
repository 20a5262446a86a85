// `init` in a page without any bundler, from the files as they are published: one object a site, two sites beside each other, beside
// the snippet's stub and script tag, and what happens where the module cannot come.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freshPage, launch, patientPage } from '../journey/support/browser.mjs';
import { markOf, ofOtherBuild } from '../journey/support/builds.mjs';
import { Product, until } from '../journey/support/product.mjs';
import { PACKAGE } from './support.mjs';

// A second site of the same host: the program `main`, which the configuration ends with, becomes that one's.
const twoSites = ({ site, simulator }) => `
[[sites.programs]]
id = "acme-main"
vendor = "partnerstack"
public_key = "env:PARTNERSTACK_PUBLIC_KEY"
private_key = "env:PARTNERSTACK_PRIVATE_KEY"
tracking_token = "env:PARTNERSTACK_TRACKING_TOKEN"
base_url = "${simulator}/partnerstack"
tracking_url = "${simulator}/partnerlinks"
confirm_after = "4s"
unique_keys = true

[[sites]]
id = "globex"
origins = ["${site}"]
consent = "not_required"
`;

// A promise that never settles would keep a page waiting for ever, and the test with it.
const bounded = { timeout: 120_000 };

let product, browser, stub;
before(async () => {
  product = await Product.start({ www: false, extra: twoSites });
  const snippet = product.cli('snippet', '--site', 'acme').stdout;
  [, stub] = snippet.match(/(<script>.*?<\/script>)/s);
  const www = join(product.folder, 'www');
  mkdirSync(www);
  for (const copy of ['pkg', 'copy']) cpSync(PACKAGE, join(www, copy), { recursive: true });
  writeFileSync(join(www, 'index.html'), '<!doctype html><title>Acme</title>');
  await product.kill('SIGTERM');
  await product.startProxy();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await product?.stop();
});

/**
 * Opens a page with this in its head, as a partner's visitor; the script of `module` has `init`. Calls wait for the proxy's
 * word; without `patient` they are answered in time, as users have it.
 */
async function visit(t, { head = '', module = '', query = '', options, patient = true } = {}) {
  const name = `${t.name.replace(/\W+/g, '-')}.html`;
  const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
  const script = `<script type="module" nonce="n">import { init } from '/pkg/index.js'; window.init = init; ${module}</script>`;
  const html = `<!doctype html><title>Acme</title><link rel="icon" href="data:,">${head}${script}`;
  writeFileSync(join(product.folder, 'www', name), html);
  const opened = await (patient ? patientPage : freshPage)(browser, options);
  t.after(() => opened.context.close());
  await opened.page.goto(`${product.site}/${name}?ps_xid=${xid}&ps_partner_key=YWRh${query}`);
  const asked = (part) => opened.said.requests.filter(({ url }) => url.includes(part)).length;
  const silent = () => assert.deepEqual([...opened.said.errors, ...opened.said.console], []);
  return { ...opened, asked, silent };
}

/** How often a customer took effect at the double. */
const effects = async (key) => {
  const { effects: rows } = await product.control('effects?vendor=partnerstack');
  return rows.filter(({ external_key }) => external_key === key).reduce((sum, row) => sum + row.effects, 0);
};

const acme = "window.tm = init({ site: 'acme', consent: 'granted' });";
const customer = (key) => ({ customerKey: key, email: `${key}@example.org`, name: 'Ada' });
const recorded = (id) => until('the delivery is recorded', () => {
  const { deliveries } = product.json('conversions', 'show', id);
  return deliveries.length === 1 && deliveries[0].state === 'recorded';
});

test('the same site gives the same object, in a second copy of the package too, and one arrival', bounded, async (t) => {
  const { page, asked, silent } = await visit(t, { module: `${acme} import('/copy/index.js').then((copy) => (window.copy = copy));` });
  const seen = await page.evaluate(async () => {
    const touch = await tm.touch();
    const same = [init({ site: 'acme', consent: 'denied' }) === tm, copy.init({ site: 'acme' }) === tm];
    return { same, partner: touch.partner, ready: await tm.ready, global: 'trailmark' in window };
  });
  assert.deepEqual(seen, { same: [true, true], partner: 'ada', ready: { attributed: true, mode: 'wasm' }, global: false });
  assert.deepEqual([asked('/v1/clicks'), asked('.wasm')], [1, 1]);
  silent();
});

test('two sites stand side by side in one document, each with its own touch and its own customer', bounded, async (t) => {
  const module = `${acme} window.other = init({ site: 'globex', consent: 'granted' });`;
  const { page, asked, silent } = await visit(t, { module });
  const [ours, theirs, touches] = await page.evaluate(async ([a, b]) => {
    const results = await Promise.all([tm.signup(a), other.signup(b)]);
    return [...results, [await tm.touch(), await other.touch()].map(({ program }) => program)];
  }, [customer('side_a'), customer('side_b')]);
  assert.deepEqual(touches, ['acme-main', 'main']);
  assert.deepEqual([ours.status, theirs.status], ['accepted', 'accepted']);
  assert.deepEqual([ours.attribution[0].program, theirs.attribution[0].program], ['acme-main', 'main']);
  await Promise.all([recorded(ours.conversionId), recorded(theirs.conversionId)]);
  assert.deepEqual([await effects('side_a'), await effects('side_b')], [1, 1]);
  assert.deepEqual([asked('/v1/clicks'), asked('.wasm')], [2, 1], 'one module serves both');
  silent();
});

test('with `auto` a consent platform of the page is read, by a file that no other page loads', bounded, async (t) => {
  const answer = { gdprApplies: true, eventStatus: 'tcloaded', isServiceSpecific: true, purpose: { consents: { 1: true, 7: true } } };
  const head = `<script>window.__tcfapi = (command, version, callback) => callback(${JSON.stringify(answer)}, true);</script>`;
  for (const [consent, files] of [['auto', 1], ['granted', 0]]) {
    const { page, asked, silent } = await visit(t, { head, module: `window.tm = init({ site: 'acme', consent: '${consent}' });` });
    assert.equal(await page.evaluate(async () => (await tm.touch()).partner), 'ada');
    assert.deepEqual([asked('/pkg/platforms.js'), asked('/v1/clicks')], [files, 1]);
    silent();
  }
});

test('a bound form with a site is reported to that site alone', bounded, async (t) => {
  const form = `<iframe name="away" hidden></iframe><form data-trailmark="signup" data-site="globex" target="away" action="/">
    <input name="customerKey" value="bound_1"><button>Go</button></form>`;
  const module = `${acme} window.other = init({ site: 'globex', consent: 'granted' });`;
  const { page, asked } = await visit(t, { head: form, module });
  await page.evaluate(() => Promise.all([tm.touch(), other.touch()]));
  const answered = page.waitForResponse('**/v1/conversions');
  await page.getByRole('button').click();
  const receipt = await (await answered).json();
  assert.deepEqual(receipt.attribution.map(({ program }) => program), ['main']);
  assert.equal(asked('/v1/conversions'), 1);
});

test('the inline stub that remembered the arrival is taken over with the calls that it holds', bounded, async (t) => {
  const head = `${stub}<script>window.early = trailmark.signup(${JSON.stringify(customer('early_1'))});
    history.replaceState(null, '', '/elsewhere');</script>`;
  const { page, asked, silent } = await visit(t, { head, module: acme });
  const [same, result] = await page.evaluate(async () => [tm === trailmark, await early]);
  assert.equal(same, true);
  assert.equal(result.status, 'accepted');
  assert.equal(asked('/v1/clicks'), 1);
  silent();
});

for (const [order, head, module] of [
  ['before', '<script src="/tm/sdk.js" data-site="acme" data-consent="granted"></script>', acme],
  ['after', '', `${acme} const tag = document.createElement('script'); tag.dataset.site = 'acme';
    tag.dataset.consent = 'granted'; tag.src = '/tm/sdk.js'; document.head.append(tag); tag.onload = () => (window.done = true);`],
]) {
  test(`a script tag of the same site that comes ${order} init is the same object`, bounded, async (t) => {
    const { page, asked, silent } = await visit(t, { head: order === 'after' ? stub : head, module });
    if (order === 'after') await page.waitForFunction(() => window.done);
    const [same, touch] = await page.evaluate(async () => [tm === trailmark, await tm.touch()]);
    assert.deepEqual([same, touch.partner], [true, 'ada']);
    assert.deepEqual([asked('/v1/clicks'), asked('.wasm')], [1, 1]);
    silent();
  });
}

test('a script tag of another site keeps its own object', bounded, async (t) => {
  const head = `${stub}<script async src="/tm/sdk.js" data-site="globex" data-consent="granted"></script>`;
  const { page, silent } = await visit(t, { head, module: acme });
  const programs = await page.evaluate(async () => [(await tm.touch()).program, (await trailmark.touch()).program]);
  assert.deepEqual(programs, ['acme-main', 'main']);
  silent();
});

test('the address of a frame is no arrival, and its calls are answered as on a page without a touch', bounded, async (t) => {
  const { page, asked, silent } = await visit(t);
  const frame = `<script type="module">import { init } from '/pkg/index.js';
    const tm = init({ site: 'acme', consent: 'granted' });
    parent.told = Promise.all([tm.ready, tm.touch(), tm.signup({ customerKey: 'framed' })]);</script>`;
  writeFileSync(join(product.folder, 'www', 'frame.html'), frame);
  const told = await page.evaluate(async () => {
    const element = Object.assign(document.createElement('iframe'), { src: '/frame.html?ps_xid=framed' });
    document.body.append(element);
    await new Promise((resolve) => (element.onload = resolve));
    return told;
  });
  const [ready, touch, { status, code }] = told;
  assert.deepEqual([ready, touch, status, code], [{ attributed: false, mode: 'idle' }, null, 'unattributed', 'no_touch']);
  assert.deepEqual([asked('.wasm'), asked('/tm/')], [1, 0]);
  silent();
});

// field-faults row 74
test('what stands on Object.prototype is no setting of init, and an image is no script tag of another site', bounded, async (t) => {
  const head = `${stub}<img data-site="globex" data-consent="granted" src="/none-sdk.png">
    <script>Object.assign(Object.prototype, { consent: 'granted', endpoint: '/leak', site: 'globex' });</script>`;
  const { page, asked } = await visit(t, { head, module: "window.tm = init({ site: 'acme' });" });
  const [same, result] = await page.evaluate(async (who) => [tm === trailmark, await tm.signup(who)], customer('polluted_1'));
  assert.deepEqual([same, result.code], [true, 'consent_pending']);
  assert.deepEqual([asked('/leak'), asked('/v1/')], [0, 0]);
});

test('wasmUrl names another place for the module', bounded, async (t) => {
  const module = "window.tm = init({ site: 'acme', consent: 'granted', wasmUrl: new URL('/copy/sdk_bg.wasm', location) });";
  const { page, asked } = await visit(t, { module });
  assert.equal((await page.evaluate(() => tm.touch())).partner, 'ada');
  assert.deepEqual([asked('/pkg/sdk_bg.wasm'), asked('/copy/sdk_bg.wasm')], [0, 1]);
});

// What the developer did wrong, in debug or not: a development server answers with a page and status 200 where a file is missing.
for (const [name, text] of [
  ['index.html', /there is no module at \S+\/index\.html \(200\); import from 'trailmark\/inline', or serve trailmark\/sdk_bg\.wasm/],
  ['other.wasm', /the module at \S+\/other\.wasm is of another version of this package; import from/],
])
  for (const debug of [true, false])
    test(`a wrong wasmUrl (${name}, debug ${debug}) turns the SDK off, and the console names address and cure, once`, bounded, async (t) => {
      const module = readFileSync(join(PACKAGE, 'sdk_bg.wasm'));
      writeFileSync(join(product.folder, 'www', 'other.wasm'), ofOtherBuild(module, await markOf(module)));
      const init = `window.tm = init({ site: 'acme', consent: 'granted', wasmUrl: '/${name}', debug: ${debug} });`;
      const { page, said } = await visit(t, { module: init, patient: false });
      const [ready, result] = await page.evaluate(async () => [await tm.ready, await tm.touch()]);
      assert.deepEqual([ready, result], [{ attributed: false, mode: 'off' }, null]);
      assert.equal(said.console.length, 1, said.console.join('\n'));
      assert.match(said.console[0], text);
      // Consent was granted, so that the stub keeps it for the next page.
      const { status } = await page.evaluate((who) => tm.signup(who), customer('lost_1'));
      assert.equal(status, 'queued');
      assert.deepEqual(said.errors, []);
    });

for (const [policy, mode] of [["'self' 'nonce-n' 'wasm-unsafe-eval'", 'wasm'], ["'self' 'nonce-n'", 'js']]) {
  test(`under script-src ${policy} the mode is ${mode}`, bounded, async (t) => {
    const head = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ${policy}; connect-src 'self'">`;
    const { page, asked } = await visit(t, { head, module: acme });
    assert.equal((await page.evaluate(() => tm.ready)).mode, mode);
    assert.equal((await page.evaluate(() => tm.touch())).partner, 'ada');
    assert.equal(asked('/pkg/twin.js'), mode === 'js' ? 1 : 0);
  });
}
