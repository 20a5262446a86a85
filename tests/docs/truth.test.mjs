// Holds what the pages say in tables to the source: every refusal, every code, every state, every name that is
// stored. A name that is in the source and not on the page is as red as one that is on the page and nowhere else.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { ROOT, blocks, names, pages, read, sections, tables } from './support/pages.mjs';

const VENDORS = 'crates/trailmark-vendors/src';
const proxy = (path) => read(`crates/trailmark-proxy/src/${path}`);
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);
const sorted = (list) => [...new Set(list)].sort();

/** The rows of the first table of a section, cells without backticks. */
function rows(page, title) {
  const section = sections(page).find((section) => section.title === title);
  assert.ok(section, `${page} has a section "${title}"`);
  return tables(section.text)[0].map((row) => row.map((cell) => cell.replaceAll('`', '')));
}

/** The body of the function `name` of a Rust file, up to the brace that closes it. */
function body(text, name) {
  const found = text.match(new RegExp(`^( *)(?:pub(?:\\([a-z]+\\))? )?(?:async )?fn ${name}\\b[^]*?^\\1}$`, 'm'));
  assert.ok(found, `there is a function ${name}`);
  return found[0];
}

test('every refusal stands in the table with its status, and no other', () => {
  const source = body(read('crates/trailmark-wire/src/refusal.rs'), 'row');
  const refusals = [...source.matchAll(/\((\d{3}), "([a-z_]+)"/g)].map(([, status, code]) => `${code} ${status}`);
  assert.ok(refusals.length >= 18);
  const told = rows('docs/troubleshooting.md', 'Refusals');
  assert.deepEqual(told.map(([code, status]) => `${code} ${status}`).sort(), refusals.sort());
  for (const [code, , cause, cure] of told) assert.ok(cause && cure, `${code} has a cause and a cure`);
});

test('every answer stands in the table, and no other', () => {
  const answers = all(body(proxy('answer.rs'), 'headline'), /=> "([A-Z][a-z ]+)"/g);
  const told = rows('docs/troubleshooting.md', 'What an answer means').map(([answer]) => answer);
  assert.deepEqual(sorted(told), sorted([...new Set(answers)]));
});

test('every code of a conversion stands in the table, and no other', () => {
  const codes = all(read('crates/trailmark-proxy/src/code.rs'), /^ {4}[A-Z]\w+ = "([a-z_]+)",$/gm);
  assert.ok(codes.length >= 38);
  const told = rows('docs/troubleshooting.md', 'Codes of a conversion').map(([code]) => code);
  assert.deepEqual(sorted(told), sorted(codes));
});

test('every check of doctor stands in the table, and no other', () => {
  const parts = readdirSync(join(ROOT, 'crates/trailmark-proxy/src/doctor')).map((name) => `doctor/${name}`);
  const files = ['doctor.rs', 'cli/doctor.rs', ...parts].map(proxy);
  const checks = files.flatMap((text) => all(text, /Finding::(?:ok|fault|not_checked)\(\s*"([a-z]+)"/g));
  assert.ok(checks.length >= 20);
  const told = rows('docs/troubleshooting.md', 'Start with the doctor').map(([check]) => check);
  assert.deepEqual(sorted(told), sorted(checks));
});

test('every command of ours is on a page', () => {
  const [, commands] = proxy('cli.rs').match(/^enum Command \{([^]*?)^\}/m);
  const words = all(commands, /^ {4}([A-Z]\w+)\(/gm).map((name) => name.toLowerCase());
  assert.ok(words.length >= 13);
  const texts = pages()
    .map((page) => read(page))
    .join('\n');
  for (const word of words) assert.match(texts, new RegExp(`trailmark ${word}\\b`), `a page shows trailmark ${word}`);
});

test('every warning stands in the table, and no other', () => {
  const repairs = all(body(read('crates/trailmark-wire/src/repair.rs'), 'code'), /=> "([a-z_]+)"/g);
  assert.ok(repairs.length >= 6);
  const told = rows('docs/troubleshooting.md', 'Warnings').map(([code]) => code);
  assert.deepEqual(sorted(told), sorted([...repairs, 'missing_for:main']));
});

// field-faults row 11: by Stripe's list of zero-decimal currencies and its special cases (docs.stripe.com/currencies).
test("the table of backend.md has every currency whose minor unit at Stripe is not ISO 4217's, and the recipe converts it", async () => {
  const whole = 'BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF'.split(' ');
  const thousandths = 'BHD JOD KWD OMR TND'.split(' ');
  const twoDecimalsAllTheSame = ['ISK', 'UGX'];
  // Stripe charges in none of these.
  const foreign = ['CLF', 'UYI', 'UYW', 'IQD', 'LYD'];
  const stripe = (code) => {
    if (twoDecimalsAllTheSame.includes(code)) return 2;
    return whole.includes(code) ? 0 : thousandths.includes(code) ? 3 : 2;
  };
  const money = read('crates/trailmark-wire/src/money.rs');
  const iso = [...money.matchAll(/const EXPONENT_(\d): &str = "([^"]+)"/g)].flatMap(([, exponent, codes]) =>
    codes.match(/[A-Z]{3}/g).map((code) => [code, Number(exponent)]),
  );
  const other = iso.filter(([code, exponent]) => !foreign.includes(code) && stripe(code) !== exponent);
  const { text: page } = sections('docs/backend.md').find(({ title }) => title.endsWith('Report sales and refunds'));
  const told = tables(page)[0].map(([code, theirs, ours]) => [code.replaceAll('`', ''), Number(theirs), Number(ours)]);
  assert.deepEqual(
    sorted(told.map(([code]) => code)),
    sorted(other.map(([code]) => code)),
  );
  const [recipe] = blocks('docs/backend.md').filter(({ argument }) => argument === 'stripe.mjs');
  const { minorUnits } = await import(`data:text/javascript,${encodeURIComponent(recipe.text)}`);
  for (const [code, theirs, ours] of told) assert.equal(minorUnits(theirs, code.toLowerCase()), ours, code);
  for (const [code, exponent] of iso) {
    if (foreign.includes(code)) continue;
    assert.equal(minorUnits(5 * 10 ** stripe(code), code.toLowerCase()), 5 * 10 ** exponent, code);
  }
});

test('every state of a delivery stands in the table, and no other', () => {
  const states = all(body(proxy('outbox.rs'), 'as_str'), /=> "([a-z_]+)"/g);
  assert.ok(states.length > 10);
  assert.deepEqual(
    sorted(rows('docs/troubleshooting.md', 'States of a delivery').map(([state]) => state)),
    sorted(states),
  );
});

test('every state of a commission stands in the table, and no other', () => {
  const states = all(body(read('crates/trailmark-vendors/src/commission.rs'), 'as_str'), /=> "([a-z_]+)"/g);
  assert.deepEqual(
    sorted(rows('docs/troubleshooting.md', 'Why is there no commission?').map(([state]) => state)),
    sorted(states),
  );
});

test('every code that a page gets is one of the SDK', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true })
    .filter((name) => name.endsWith('.rs'))
    .map((name) => read(`src/${name}`));
  const scripts = readdirSync(join(ROOT, 'pkg-template'))
    .filter((name) => name.endsWith('.js'))
    .map((name) => read(`pkg-template/${name}`));
  const said = [...files, ...scripts].join('\n');
  for (const [code] of rows('docs/troubleshooting.md', 'What a page gets'))
    assert.match(said, new RegExp(`["']${code}["']`), `the SDK says ${code}`);
});

test('every name that is stored stands in the table, and no other', () => {
  const placed = (pattern) => pattern.replace('{}', '{site}');
  const cookies = all(proxy('intake/cookies.rs'), /format!\("([^"=]*tm_\{\}[^"=]*)"/g).map(placed);
  const storage = all(read('src/config.rs'), /joined\(&\["tm_", self\.site\.as_str\(\), "(_[a-z_]+)"\]\)/g).map((end) =>
    `tm_{site}${end}`.replace(/_$/, '_{id}'),
  );
  const databases = all(read('src/browser/host.js'), /DATABASE = '([^']+)'/g);
  const session = all(read('pkg-template/load_twin.js'), /sessionStorage\.(\w+) =/g);
  assert.ok(cookies.length >= 4 && storage.length >= 2 && databases.length === 1 && session.length === 1);
  const told = rows('docs/privacy.md', 'What is stored').map(([name]) => name);
  assert.deepEqual(sorted(told), sorted([...cookies, ...storage, ...databases, ...session]));
});

test('every parameter that counts as a touch is one that the capture rules know', () => {
  const vendors = readdirSync(join(ROOT, 'crates/trailmark-vendors/src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const captures = vendors.map(({ name }) => read(`crates/trailmark-vendors/src/${name}/captures.rs`)).join('\n');
  const known = all(captures, /(?:click|partner)_params: &\[([^\]]*)\]/g).flatMap((list) => all(list, /"([^"]+)"/g));
  const { text } = sections('docs/troubleshooting.md').find(({ title }) => title === 'What counts as a touch');
  const told = names(text.split('Generic names')[0]);
  assert.deepEqual(sorted(told), sorted(known));
});

test('every metric of the page is one that the proxy shows', () => {
  const shown = all(proxy('admin/metrics.rs'), /family\(\s*"([a-z_]+)"/g);
  const told = rows('docs/deploy.md', 'Watch it')
    .map(([cell]) => cell)
    .filter((cell) => cell.startsWith('trailmark_'));
  assert.deepEqual(sorted(told.map((cell) => cell.split('{')[0])), sorted(shown));
});

test('every command and setting of the pages exists', () => {
  const cli = readdirSync(join(ROOT, 'crates/trailmark-proxy/src/cli'), { recursive: true })
    .filter((name) => name.endsWith('.rs'))
    .map((name) => proxy(`cli/${name}`))
    .join('\n');
  const vendors = readdirSync(join(ROOT, VENDORS), { recursive: true }).filter((name) => name.endsWith('.rs'));
  const offers = vendors.map((name) => read(`${VENDORS}/${name}`)).join('\n');
  const settings = [
    read('crates/trailmark-proxy/config.default.toml'),
    ...all(offers, /Setting::of\(\s*"([a-z_]+)"/g).map((name) => `${name} = `),
  ].join('\n');
  const words = pages().flatMap((page) => names(read(page).replace(/```[^]*?```/g, '')).map((name) => [page, name]));
  for (const [page, name] of words) {
    const command = name.match(/^(?:trailmark )?(apikeys|conversions|keys|outbox|store|webhooks) ([a-z]+)/);
    if (command) {
      const [, noun, verb] = command;
      const ours = new RegExp(`\\b${verb}\\(`).test(cli.toLowerCase());
      const theirs = new RegExp(`verb: "${verb}"|"${noun}",\\s*"${verb}"`).test(offers);
      assert.ok(ours || theirs, `${page}: \`${name}\` is a command`);
    }
    const setting = name.match(/^([a-z]+(?:_[a-z]+)+) = /);
    if (setting) assert.match(settings, new RegExp(`^#?${setting[1]} = `, 'm'), `${page}: \`${name}\` is a setting`);
  }
});

test('every link between the pages leads somewhere, and every page is in the list', () => {
  const list = read('docs/README.md');
  for (const page of pages()) {
    for (const target of all(read(page), /\]\((?!https?:)([^)#]+)/g))
      assert.ok(existsSync(join(ROOT, dirname(page), target)), `${page} links to ${target}`);
    if (page.startsWith('docs/') && page !== 'docs/README.md')
      assert.ok(list.includes(`(${page.slice(5)})`), `docs/README.md lists ${page}`);
  }
});

test('every test that a page names is there', () => {
  for (const page of pages())
    for (const path of names(read(page)).filter((name) => /^(tests|crates|src)\/\S+\.(rs|mjs)$/.test(name)))
      assert.ok(existsSync(join(ROOT, path)), `${page} names ${path}`);
});
