// Whether sdk.js loads the module: wherever the wire's rules find a touch, and not on a plain page. Runs the built sdk.js, stub and
// loader together, on each address and cookie jar of the wire's vectors and of the fuzzer's corpus. Node stands in for the page;
// the module counts as asked for once it is fetched.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const { TRAILMARK_SDK: sdk, TRAILMARK_CORPUS: corpus } = process.env;

/** What sdk.js uses of a browser before it loads anything. */
const GLOBALS = ['window', 'document', 'Document', 'navigator', 'location', 'localStorage', 'performance', 'fetch', 'setTimeout', 'addEventListener'];
const run = new Function(...GLOBALS, readFileSync(join(sdk, 'sdk.js'), 'utf8'));

class Document {
  get currentScript() {
    return this.script;
  }

  get scripts() {
    return [this.script];
  }
}

/** Opens a page: whether it fetches the module, and its `trailmark`. */
function opened({ url = 'https://acme.example/', jar = '', params = [], stored = {}, data = {}, calls = () => {}, navigator = {} }) {
  let isNeeded = false;
  const dataset = { site: 'acme', consent: 'granted', params: params.join(), ...data };
  const script = { src: 'https://acme.example/tm/sdk.js', dataset };
  const page = { script, cookie: jar, readyState: 'complete', baseURI: url, getElementsByTagName: () => [script] };
  const window = { requestIdleCallback: (work) => work() };
  window.top = window;
  const fetch = () => {
    isNeeded = true;
    return new Promise(() => {});
  };
  run(window, Object.assign(new Document(), page), Document, navigator, { href: url }, stored, {}, fetch, () => 0, () => {});
  const called = calls(window.trailmark);
  return { isNeeded, ready: window.trailmark.ready, called };
}

const shown = ({ url, jar }) => `${url} with "${jar}"`;

test('every touch loads the module: the vectors of the wire', () => {
  const vectors = JSON.parse(readFileSync(new URL('../../crates/trailmark-wire/vectors/capture.json', import.meta.url)));
  const touches = vectors.filter(({ expect }) => expect).map(({ url, cookies = {}, params }) =>
    ({ url, params, jar: Object.entries(cookies).map(([name, value]) => `${name}=${value}`).join('; ') }));
  assert.ok(touches.length > 60, `${touches.length} vectors`);
  assert.deepEqual(touches.filter((page) => !opened(page).isNeeded).map(shown), []);
});

test('every touch loads the module: the corpus of the fuzzer', () => {
  const inputs = readFileSync(corpus, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const touches = inputs.filter(({ told }) => told);
  assert.deepEqual(touches.filter((page) => !opened(page).isNeeded).map(shown), []);
});

// Names and separators that the wire's reader takes and no vector has.
const SPELT = [
  '?%63lickref=x', '?%43LICKREF=x', '?x=1%26clickref=x', '?+clickref=x', '?%20clickref=x', '?%2Fclickref=x', '#%3Fclickref=x',
  '?x=%u0041&clickref=x', '?x=%&clickref=x', '?x=%E2%82&clickref=x',
];
for (const query of SPELT) test(`${query} loads the module`, () => assert.ok(opened({ url: `https://acme.example/${query}` }).isNeeded));

test('a name of the page counts in any case, whatever a pattern would make of it', () => {
  for (const [params, url] of [
    [['Via'], 'https://acme.example/?vIA=ada'],
    [['a.b', 'x-y'], 'https://acme.example/?A.B=ada'],
    [['-x'], 'https://acme.example/?-x=ada'],
    [['a[b]', 'a('], 'https://acme.example/?a[b]=ada'],
    [[' via ,ref '], 'https://acme.example/#/ref=ada'],
  ]) assert.ok(opened({ params, url }).isNeeded, url);
});

test('a visit that a link of another host carried loads the module', () => {
  assert.ok(opened({ url: 'https://acme.example/?plan=pro&_tm=0190163d-8694-7397-a9ce-6b8c0ce6b6d2.1719000000' }).isNeeded);
});

test('a trace of ours loads the module, and no other site’s', () => {
  for (const page of [{ jar: 'a=b; tm_acme=1' }, { stored: { tm_acme_click: '{}' } }, { stored: { tm_acme_queue_1: '{}' } }, { data: { debug: '' } }]) {
    assert.ok(opened(page).isNeeded, JSON.stringify(page));
  }
  for (const page of [{ jar: 'tm_acme2=1; xtm_acme=1' }, { stored: { tm_acme2_click: '{}', xtm_acme_click: '{}' } }]) {
    assert.ok(!opened(page).isNeeded, JSON.stringify(page));
  }
});

test('a plain page does not, and is told so at once', async () => {
  for (const url of [
    'https://acme.example/', 'https://acme.example/pricing?utm_source=x&gclid=y&aff=z#top', 'https://acme.example/?q=my_clickref',
    'https://acme.example/?session=secret&next=%2Fpricing',
  ]) {
    const { isNeeded, ready } = opened({ url, jar: 'session=1; _ga=GA1.2.3' });
    assert.deepEqual([url, isNeeded, await ready], [url, false, { attributed: false, mode: 'idle' }]);
  }
});

test('on a plain page calls are answered as the module answers them, without it', async () => {
  for (const [consent, navigator, states] of [
    ['pending', {}, ['granted', 'granted']],
    ['odd', {}, ['granted', 'granted']],
    ['granted', { globalPrivacyControl: true }, ['denied', 'denied']],
  ]) {
    const calls = (trailmark) => [trailmark.touch(), trailmark.reference(), trailmark.consent('granted'), trailmark.consent('yes')];
    const { called, isNeeded } = opened({ data: { consent }, navigator, calls });
    assert.deepEqual(await Promise.all(called), [null, null, ...states]);
    assert.equal(isNeeded, false);
  }
  const odd = [Symbol('granted'), ['granted'], Object.create(null), new String('granted')];
  for (const consent of ['pending', 'granted']) {
    const { called, isNeeded } = opened({ data: { consent }, calls: (trailmark) => odd.map((word) => trailmark.consent(word)) });
    assert.deepEqual([await Promise.all(called), isNeeded], [odd.map(() => consent), false]);
  }
});

test('on a plain page a conversion, a setting that counts and a withdrawal load the module', async () => {
  const customer = { customerKey: 'u_1' };
  for (const call of [
    (trailmark) => trailmark.signup(customer),
    (trailmark) => trailmark.lead(customer),
    (trailmark) => trailmark.sale(customer),
    (trailmark) => trailmark.config({ params: ['q'] }),
    (trailmark) => trailmark.consent('denied'),
  ]) assert.ok(opened({ url: 'https://acme.example/?q=ada', calls: (trailmark) => void call(trailmark) }).isNeeded, String(call));
  const auto = { consent: 'auto' };
  assert.ok(opened({ data: auto, calls: (trailmark) => void trailmark.consent('granted') }).isNeeded, 'a platform may refuse');
  assert.ok(!opened({ data: auto, calls: (trailmark) => void trailmark.touch() }).isNeeded);
  const denied = opened({ data: { consent: 'denied' }, calls: (trailmark) => trailmark.consent('denied') });
  assert.deepEqual([await denied.called, denied.isNeeded], ['denied', false], 'nothing was granted');
});
