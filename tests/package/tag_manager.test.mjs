// gtm/template.tpl, the template for Google Tag Manager: it has the sections of the Community Template Gallery, its own scenarios
// pass, and its code does nothing that its permissions do not allow. A sandbox stands in for the tag manager's, by the description at
// developers.google.com/tag-platform/tag-manager/templates. What the injected script does then is in
// tests/journey/tag_manager.test.mjs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const text = readFileSync(new URL('../../gtm/template.tpl', import.meta.url), 'utf8');
const parts = text.split(/^___([A-Z_]+)___$/m).slice(1);
const titles = parts.filter((_, index) => index % 2 === 0);
const section = (title) => parts[2 * titles.indexOf(title) + 1].trim();

const code = section('SANDBOXED_JS_FOR_WEB_TEMPLATE');
const bare = code.replace(/^ *\/\/.*$/gm, '');
const parameters = JSON.parse(section('TEMPLATE_PARAMETERS'));

/** A value of the permissions' own notation. */
const plain = ({ type, string, boolean, listItem, mapKey, mapValue }) =>
  ({ 1: string, 2: listItem?.map(plain), 3: mapKey && Object.fromEntries(mapKey.map((key, at) => [plain(key), plain(mapValue[at])])), 8: boolean })[type];

const permissions = Object.fromEntries(
  JSON.parse(section('WEB_PERMISSIONS')).map(({ instance: { key, param } }) =>
    [key.publicId, Object.fromEntries(param.map(({ key, value }) => [key, plain(value)]))]),
);
const globals = (name) => permissions.access_globals.keys.find(({ key }) => key === name) ?? {};
const consentType = (name) => permissions.access_consent.consentTypes.find(({ consentType }) => consentType === name) ?? {};
const fits = (pattern, url) => new RegExp(`^${pattern.split('*').map((part) => part.replace(/[.?+/]/g, '\\$&')).join('.*')}$`).test(url);

/** What the code may call, whether its permissions allow that, and what it gives if a scenario says nothing. */
const APIS = {
  addConsentListener: { allows: (type) => consentType(type).read },
  callInWindow: { allows: (name) => globals(name).execute },
  copyFromWindow: { allows: (name) => globals(name).read },
  encodeUriComponent: { allows: () => true, gives: encodeURIComponent },
  injectScript: { allows: (url) => permissions.inject_script.urls.some((pattern) => fits(pattern, url)) },
  isConsentGranted: { allows: (type) => consentType(type).read, gives: () => true },
};

/** Runs a scenario of the template, with the words that scenarios have. */
function play(scenario) {
  const mocks = {}, calls = [];
  const called = (api, work) => (...given) => {
    calls.push([api, ...given]);
    return (mocks[api] ?? work)(...given);
  };
  const require = (api) => {
    assert.ok(api in APIS, `${api} is an API of the sandbox`);
    const { allows, gives = () => undefined } = APIS[api];
    const call = called(api, gives);
    return (...given) => {
      assert.ok(allows(...given), `the permissions allow ${api}(${given[0]})`);
      return call(...given);
    };
  };
  const runCode = (data) => {
    const ends = { gtmOnSuccess: called('gtmOnSuccess', () => {}), gtmOnFailure: called('gtmOnFailure', () => {}) };
    new Function('require', 'data', `'use strict';${code}`)(require, { ...data, ...ends });
  };
  const assertApi = (api) => {
    const own = calls.filter(([name]) => name === api).map(([, ...given]) => given);
    return {
      wasCalled: () => assert.ok(own.length > 0, `${api} was called`),
      wasNotCalled: () => assert.deepEqual(own, [], `${api} was not called`),
      wasCalledWith: (...given) => assert.ok(own.some((one) => JSON.stringify(one) === JSON.stringify(given)), `${api}(${given}) in ${own}`),
    };
  };
  const assertThat = (value) => ({ isEqualTo: (other) => assert.deepEqual(value, other) });
  const mock = (api, work) => (mocks[api] = work);
  new Function('mock', 'runCode', 'assertApi', 'assertThat', scenario)(mock, runCode, assertApi, assertThat);
}

test('the template has the sections of the gallery, in their order', () => {
  const expected = ['TERMS_OF_SERVICE', 'INFO', 'TEMPLATE_PARAMETERS', 'SANDBOXED_JS_FOR_WEB_TEMPLATE', 'WEB_PERMISSIONS', 'TESTS', 'NOTES'];
  assert.deepEqual(titles, expected);
  const { type, containerContexts, displayName } = JSON.parse(section('INFO'));
  assert.deepEqual([type, containerContexts, displayName], ['TAG', ['WEB'], 'Trailmark']);
});

test('the code uses each field, and nothing that the sandbox lacks', () => {
  const used = new Set([...bare.matchAll(/\bdata\.(\w+)/g)].map(([, name]) => name));
  const names = parameters.map(({ name }) => name);
  assert.deepEqual([...used].filter((name) => !name.startsWith('gtmOn')).sort(), [...names].sort());
  assert.doesNotMatch(bare, /\b(new|async|await|class|this|window|document|RegExp|Promise)\b|`/);
});

test('the address of the script is on a host of the merchant and has no query', () => {
  const { valueValidators } = parameters.find(({ name }) => name === 'address');
  const pattern = new RegExp(valueValidators.find(({ type }) => type === 'REGEX').args[0]);
  for (const good of ['https://www.example.com/tm/sdk.js', 'https://tm.example.com/sdk.js']) assert.match(good, pattern);
  for (const bad of ['http://www.example.com/tm/sdk.js', '/tm/sdk.js', 'https://www.example.com/tm/sdk.js?a=b', 'https://www.example.com/tm/other.js'])
    assert.doesNotMatch(bad, pattern);
});

const scenarios = [...section('TESTS').matchAll(/^- name: (.+)\n {2}code: \|-\n((?: {4}.*(?:\n|$)|\n)+)/gm)];
test('every scenario of the template is one that this test reads', () => {
  assert.equal(scenarios.length, section('TESTS').match(/^- name: /gm).length);
  assert.ok(scenarios.length >= 8);
});
for (const [, name, scenario] of scenarios) test(`the template's own scenario: ${name}`, () => play(scenario));
