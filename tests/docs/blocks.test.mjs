// Every fenced block of every page has something that proves it: a walk that runs it, or a check here. A block
// without one, or one that a walk would have to run on a page that no test follows, is red.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { test } from 'node:test';

import { BINARY } from '../journey/support/product.mjs';
import { nginxConf, program } from '../journey/support/front.mjs';
import { ini } from './support/config.mjs';
import { ROOT, blocks, pages, read } from './support/pages.mjs';
import { RUNNERS } from './support/walk.mjs';

/** Runs `work` in a folder that is gone afterwards. */
function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'trailmark-block-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** `trailmark config check`, with something in every variable that the text names. */
function soundConfig(text) {
  const variables = [...text.matchAll(/"env:([A-Z_]+)"/g)].map(([, name]) => [
    name,
    'a-secret-of-twenty-letters-or-more',
  ]);
  inFolder((folder) => {
    writeFileSync(join(folder, 'trailmark.toml'), text);
    const options = {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, ...Object.fromEntries(variables) },
    };
    const { status, stdout, stderr } = spawnSync(BINARY, ['config', 'check'], options);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /the configuration is sound/);
  });
}

/** `nginx -t` with the block in a server of its own. That it does what the page says shows journey/front.test.mjs. */
function soundNginx(text) {
  inFolder((folder) => {
    const conf = join(folder, 'nginx.conf');
    writeFileSync(conf, nginxConf(folder, `unix:${folder}/socket`, text));
    const options = ['-t', '-q', '-e', 'stderr', '-p', folder, '-c', conf];
    const { status, stderr } = spawnSync(program('nginx'), options, { encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, ''], 'no error and no warning');
  });
}

/** `caddy validate`. That it does what the page says shows journey/front.test.mjs. */
function soundCaddy(text) {
  inFolder((folder) => {
    const file = join(folder, 'Caddyfile');
    writeFileSync(file, text);
    // Caddy keeps what it makes for itself below HOME.
    const options = { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: folder } };
    const words = ['validate', '--adapter', 'caddyfile', '--config', file];
    const { status, stdout, stderr } = spawnSync(program('caddy'), words, options);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /Valid configuration/);
  });
}

function soundUnit(text) {
  const { Service, Install } = ini(text);
  const [program, command, ...flags] = Service.ExecStart.split(' ');
  assert.match(program, /^\/usr\/local\/bin\/trailmark$/);
  const { stdout } = spawnSync(BINARY, [command, '--help'], { encoding: 'utf8' });
  for (const flag of flags.filter((word) => word.startsWith('--')))
    assert.ok(stdout.includes(flag), `${command} knows ${flag}`);
  assert.equal(Install.WantedBy, 'multi-user.target');
  if (!has('systemd-analyze')) return;
  inFolder((folder) => {
    const unit = join(folder, 'trailmark.service');
    writeFileSync(unit, text.replace(program, BINARY).replace(/^User=.*$/m, ''));
    const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    assert.deepEqual(
      stderr.split('\n').filter((line) => line.includes('trailmark.service')),
      [],
    );
  });
}

/** Calls of the page's API: every name is one that the stub offers. */
function soundCalls(text) {
  const offered = read('pkg-template/stub.js').match(/'([a-z ]+ touch [a-z ]+)'/)[1].split(' ');
  const calls = [...text.matchAll(/\b(?:trailmark|tm)\.([a-z]+)\(/g)].map(([, name]) => name);
  assert.ok(calls.length > 0, 'something is called');
  for (const name of calls) assert.ok(offered.includes(name), `trailmark.${name} exists`);
}

/** A file of an app: it parses (its JSX, whose tags are in pairs, left out), and imports what is there. */
function soundApp(text, { argument, place }) {
  const page = place.split(':')[0];
  const saved = blocks(page)
    .filter(({ runner }) => runner === 'app')
    .map(({ argument }) => argument);
  for (const [, from] of text.matchAll(/(?:from|import) '([^']+)'/g)) {
    const file = from.startsWith('.') ? posix.join(posix.dirname(argument), from) : from;
    assert.ok(
      [...saved, 'next/link', 'react', 'react-dom/client', 'react-router', 'trailmark'].includes(file),
      `${from} is there`,
    );
  }
  for (const [, names] of text.matchAll(/import \{([^}]*)\} from 'trailmark'/g)) assert.equal(names.trim(), 'init');
  if (/\b(?:trailmark|tm)\.[a-z]+\(/.test(text)) soundCalls(text);
  const open = [];
  for (const [, closes, tag, empty] of text.replace(/=>/g, '').matchAll(/<(\/?)([A-Za-z]+)[^>]*?(\/?)>/g)) {
    if (closes) assert.equal(open.pop(), tag, `</${tag}> closes what is open`);
    else if (!empty) open.push(tag);
  }
  assert.deepEqual(open, [], 'every tag is closed');
  const plain = text.replace(/\(\s*<[^]*>,?\s*\)/, '(null)');
  inFolder((folder) => {
    writeFileSync(join(folder, 'app.mjs'), plain);
    const { status, stderr } = spawnSync(process.execPath, ['--check', join(folder, 'app.mjs')], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
}

/** The document of an app: its script is one of the files that the page saves. */
function soundDocument(text, { place }) {
  const saved = blocks(place.split(':')[0]).map(({ argument }) => `/${argument}`);
  for (const [, source] of text.matchAll(/<script[^>]* src="([^"]+)"/g))
    assert.ok(saved.includes(source), `${source} is saved`);
}

/**
 * Commands on a machine that runs the proxy, in a folder that stands for its own: with the page's first configuration, and
 * something in every secret that it names. The tunnel of `ssh` leads to the operator's port of that configuration.
 */
function soundHost(text, { place }) {
  const [{ text: config }] = blocks(place.split(':')[0]).filter(({ language }) => language === 'toml');
  const [, port] = config.match(/^admin_listen = "127\.0\.0\.1:(\d+)"$/m);
  const [tunnels, commands] = [true, false].map((is) =>
    text.split('\n').filter((line) => line && line.startsWith('ssh ') === is),
  );
  for (const line of tunnels) assert.match(line, new RegExp(`^ssh -L (\\d+):127\\.0\\.0\\.1:${port} [a-z.]+$`));
  inFolder((folder) => {
    // Port 1 is nobody's, so that a command on the ledger opens the store.
    const here = (line) => line.replace(/\/(?:etc|var\/lib)\/trailmark\//g, `${folder}/`);
    writeFileSync(join(folder, 'trailmark.toml'), here(config).replaceAll(`:${port}`, ':1'));
    const names = [...config.matchAll(/"env:([A-Z_]+)"/g)].map(([, name]) => `${name}=a-secret-of-twenty-letters\n`);
    writeFileSync(join(folder, 'secrets'), names.join(''));
    const script = commands.map(here).join('\n').replaceAll('trailmark config', `${BINARY} config`);
    const options = { cwd: folder, encoding: 'utf8', env: { PATH: process.env.PATH } };
    spawnSync(BINARY, ['store', 'migrate', '--config', 'trailmark.toml'], options);
    const words = ['-e', '-c', script.replaceAll('trailmark conversions', `${BINARY} conversions`)];
    const { status, stdout, stderr } = spawnSync('sh', words, options);
    assert.equal(status, 0, `${stdout}${stderr}`);
  });
}

/** What is installed is this project's package, by the name and version that `cargo xtask pack` gives it. */
function soundInstall(text) {
  const { name } = JSON.parse(read('pkg-template/package.json'));
  const [, version] = read('Cargo.toml').match(/^version = "(.+)"$/m);
  assert.equal(text.trim(), `npm install /path/to/trailmark/target/npm/${name}-${version}.tgz`);
}

/** Commands with which the binary, or something else of this project, is built: the tasks and packages exist. */
function soundBuild(text) {
  const tasks = read('xtask/src/main.rs');
  const tried = text.split('\n').filter((line) => line.startsWith('cargo '));
  assert.ok(tried.length > 0);
  for (const line of tried) {
    const [, task] = line.match(/^cargo xtask ([a-z-]+)$/) ?? [];
    const [, name] = line.match(/^cargo build (?:--release )?--package ([a-z-]+)$/) ?? [];
    if (task) assert.match(tasks, new RegExp(`^  ${task} `, 'm'), `${task} is a task`);
    else assert.ok(name && existsSync(join(ROOT, 'crates', name, 'src/main.rs')), `${line}: there is such a program`);
  }
}

const CHECKS = {
  'caddy check': soundCaddy,
  'html app': soundDocument,
  'ini check': soundUnit,
  'js app': soundApp,
  'js call': soundCalls,
  'jsx app': soundApp,
  'nginx check': soundNginx,
  'sh build': soundBuild,
  'sh host': soundHost,
  'sh npm': soundInstall,
  'toml check': soundConfig,
};

/** What other tests prove, by the file that does. */
const ELSEWHERE = { 'rust example': 'backend.test.mjs' };

const named = ({ language, runner }) => `${language} ${runner}`;

for (const page of pages())
  for (const block of blocks(page).filter((block) => CHECKS[named(block)]))
    test(`${block.place} is sound`, () => CHECKS[named(block)](block.text, block));

test('every fenced block has a runner or a check', () => {
  const orphans = pages()
    .flatMap(blocks)
    .filter((block) => {
      const known = RUNNERS.includes(block.runner) || named(block) in CHECKS || named(block) in ELSEWHERE;
      return !known;
    });
  assert.deepEqual(
    orphans.map((block) => `${block.place}: ${named(block)}`),
    [],
  );
});

test('every page with something to run is followed by a test', () => {
  const tests = readdirSync(join(ROOT, 'tests/docs')).filter((name) => name.endsWith('.test.mjs'));
  const followed = tests.map((name) => read(`tests/docs/${name}`)).join('\n');
  const runs = (page) => blocks(page).some(({ runner }) => RUNNERS.includes(runner) && runner !== 'build');
  for (const page of pages().filter(runs)) assert.ok(followed.includes(`follow('${page}'`), `a test follows ${page}`);
});

test('a page shows what it promises after what it runs', () => {
  for (const page of pages()) {
    const before = new Set();
    for (const { place, runner } of blocks(page)) {
      if (runner === 'seen') assert.ok(before.has('run'), `${place} is seen after something ran`);
      before.add(runner);
    }
  }
});
