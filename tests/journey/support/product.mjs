// Starts the built product for a test, as an operator would: `trailmark simulate` and `trailmark serve` on free ports, in a
// folder of their own, with the demo shop and the snippet that `trailmark snippet` prints. Holds no assertions. Everything
// that it starts ends with `stop()`, also after a failed test.

import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

function needed(name, cure) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: ${cure}`);
  return value;
}

/** The built binary; `cargo xtask test` names it. */
export const BINARY = needed('TRAILMARK_BIN', 'run these tests with `cargo xtask test --only journey`');

/** What the doubles of the vendors accept; the tests also search for these texts where they must not be. */
export const SECRETS = {
  PARTNERSTACK_PUBLIC_KEY: 'pk_sim',
  PARTNERSTACK_PRIVATE_KEY: 'sk_sim_private',
  PARTNERSTACK_TRACKING_TOKEN: 'tt_sim_tracking',
  PARTNERIZE_APPLICATION_KEY: 'pz_sim_application',
  PARTNERIZE_USER_API_KEY: 'pz_sim_user_key',
  INTROW_API_KEY: 'irw_sim_key',
  PARTNERO_API_KEY: 'pn_sim_key',
  PARTNERO_WEBHOOK_SECRET: 'pn_sim_webhook_secret',
};

/** A free port of the loopback interface. */
export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Polls until `probe` gives something truthy, and gives that; fails with `what` after `ms`. */
export async function until(what, probe, ms = 60_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const answers = (url) => fetch(url).then((answer) => answer.ok, () => false);

/** The settings of a program at the double of each vendor, beside its id, its vendor and its settling time. */
const PROGRAMS = {
  partnerstack: ({ simulator, dialect }) => `
dialect = "${dialect}"
public_key = "env:PARTNERSTACK_PUBLIC_KEY"
private_key = "env:PARTNERSTACK_PRIVATE_KEY"
tracking_token = "env:PARTNERSTACK_TRACKING_TOKEN"
base_url = "http://${simulator}/${account(dialect)}"
tracking_url = "http://${simulator}/partnerlinks"`,
  partnerize: ({ simulator }) => `
application_key = "env:PARTNERIZE_APPLICATION_KEY"
user_api_key = "env:PARTNERIZE_USER_API_KEY"
campaign_id = "10l176"
base_url = "http://${simulator}/partnerize"
tracking_url = "http://${simulator}/prf"`,
  introw: ({ simulator }) => `
api_key = "env:INTROW_API_KEY"
base_url = "http://${simulator}/introw"`,
  partnero: ({ simulator }) => `
api_key = "env:PARTNERO_API_KEY"
webhook_secret = "env:PARTNERO_WEBHOOK_SECRET"
base_url = "http://${simulator}/partnero"`,
};

/** Every vendor. */
export const VENDORS = Object.keys(PROGRAMS);

/** The id of a vendor's program. */
export const programOf = (vendor) => (vendor === 'partnerstack' ? 'main' : vendor);

const program = (vendor, named) => `
[[sites.programs]]
id = "${programOf(vendor)}"
vendor = "${vendor}"
confirm_after = "${named.confirmAfter}"${PROGRAMS[vendor](named)}
${named.programs[vendor] ?? ''}
`;

const configuration = (named) => `
[server]
listen = "${named.site}"
public_url = "http://${named.site}"
admin_listen = "${named.operator}"
${named.server}

[store]
url = "sqlite:trailmark.db"

[[sites]]
id = "acme"
public_url = "${named.publicUrl}"
origins = ${JSON.stringify(named.origins)}
consent = "${named.consent}"
signup_wait = "${named.signupWait}"
${named.extra}
${named.vendors.map((vendor) => program(vendor, named)).join('')}`;

/** What the double calls the account that speaks a dialect. */
export const account = (dialect) => (dialect === 'guide' ? 'partnerstack-guide' : 'partnerstack');

/** The running product. */
export class Product {
  #children = new Map();

  /**
   * Starts simulator and proxy. `server` and `extra` go into those sections of the configuration, `extra` as text or as
   * what it gives for the product, whose addresses are known by then; `confirmAfter` is the settling time, `vendors` have
   * a program each, with further settings from `programs`, and `dialect` is what the program `main` speaks. `www` puts the
   * demo shop on the proxy's own host; `files`, which makes texts by name from the snippet, takes its place. `pages`
   * is the origin of the site's pages where the proxy stands behind another server; `host` is the name of the proxy where it
   * has one of its own, and `origins` those of the pages then. `config` makes a configuration of another shape from the
   * addresses.
   */
  static async start({
    confirmAfter = '4s',
    consent = 'not_required',
    dialect = 'current',
    vendors = ['partnerstack'],
    programs = {},
    extra = '',
    server = '',
    // Sites with an API key would keep a page's signup back for minutes.
    signupWait = '0s',
    www = true,
    files,
    pages,
    host = '127.0.0.1',
    origins,
    config = configuration,
  } = {}) {
    const product = new Product();
    product.folder = mkdtempSync(join(tmpdir(), 'trailmark-'));
    const [site, operator, simulator] = (await Promise.all([freePort(), freePort(), freePort()])).map((p) => `127.0.0.1:${p}`);
    Object.assign(product, { site: `http://${site}`, operator: `http://${operator}`, simulator: `http://${simulator}` });
    product.publicUrl = pages ?? `http://${site.replace('127.0.0.1', host)}`;
    const named = { site, operator, simulator, publicUrl: product.publicUrl, origins: origins ?? [product.publicUrl] };
    const more = typeof extra === 'function' ? extra(product) : extra;
    const settings = config({ ...named, confirmAfter, consent, dialect, vendors, programs, extra: more, server, signupWait });
    writeFileSync(join(product.folder, 'trailmark.toml'), settings);
    if (files) product.#lay(files(product.snippet()));
    else if (www) product.#openShop();
    try {
      product.#run('simulator', ['simulate', '--listen', simulator, '--pace', 'demo', '--landing-url', `${product.site}/`]);
      await until('the simulator answers', () => answers(`${product.simulator}/control/clock`));
      await product.startProxy();
    } catch (error) {
      await product.stop();
      throw error;
    }
    return product;
  }

  /** The demo shop with the snippet pasted in, as `cargo xtask demo` lays it out. */
  #openShop() {
    const www = join(this.folder, 'www');
    cpSync(join(ROOT, 'www'), www, { recursive: true });
    const snippet = this.snippet();
    const pages = readdirSync(www).filter((name) => name.endsWith('.html'));
    const pasted = (name) => readFileSync(join(www, name), 'utf8').replace('<!-- trailmark snippet -->', () => snippet);
    this.#lay(Object.fromEntries(pages.map((name) => [name, pasted(name)])));
    writeFileSync(join(www, 'demo.json'), JSON.stringify({ simulator: this.simulator, ledger: this.ledger() }));
  }

  /** Writes pages where the proxy serves them from. */
  #lay(pages) {
    const www = join(this.folder, 'www');
    mkdirSync(www, { recursive: true });
    for (const [name, page] of Object.entries(pages)) writeFileSync(join(www, name), page);
  }

  /** The stub and the script tag, as an operator copies them out of `trailmark snippet`. */
  snippet() {
    return this.cli('snippet', '--site', 'acme').stdout.split('\n\n')[0];
  }

  /** Address of the ledger view with what the vendors have beside it. */
  ledger() {
    return `${this.operator}/?vendor=${encodeURIComponent(`${this.simulator}/control/listings`)}`;
  }

  #run(name, args) {
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    const child = spawn(BINARY, args, { cwd: this.folder, env: { ...process.env, ...SECRETS }, stdio: ['ignore', log, log] });
    this.#children.set(name, child);
    child.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    return child;
  }

  /** Starts the proxy, or starts it again after `kill`. */
  async startProxy() {
    const args = ['serve', '--config', 'trailmark.toml', '--clock-url', `${this.simulator}/control/clock`];
    const child = this.#run('proxy', [...args, ...(this.site && readable(join(this.folder, 'www')) ? ['--www', 'www'] : [])]);
    const early = child.ended.then(({ code, signal }) => Promise.reject(new Error(`the proxy ended (${code ?? signal}):\n${this.log('proxy').slice(-2000)}`)));
    early.catch(() => {});
    await Promise.race([until('the proxy is ready', () => answers(`${this.operator}/readyz`)), early]);
    return child;
  }

  /** Ends the proxy by a signal and waits until it is gone. */
  async kill(signal) {
    const child = this.#children.get('proxy');
    child.kill(signal);
    return child.ended;
  }

  /** Everything that a part has logged. */
  log(name) {
    return readFileSync(join(this.folder, `${name}.log`), 'utf8');
  }

  /** Runs the command line on this product's configuration: `{ code, stdout, stderr }`. */
  cli(...args) {
    const options = { cwd: this.folder, env: { ...process.env, ...SECRETS }, encoding: 'utf8' };
    const { status, stdout, stderr } = spawnSync(BINARY, [...args, '--config', 'trailmark.toml'], options);
    return { code: status, stdout, stderr };
  }

  /** The same with `--json`, parsed. */
  json(...args) {
    const { code, stdout, stderr } = this.cli(...args, '--json');
    if (code !== 0) throw new Error(`trailmark ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** One call to the simulator's controls. */
  async control(path, body, method = body ? 'POST' : 'GET') {
    const init = { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) };
    const answer = await fetch(`${this.simulator}/control/${path}`, init);
    if (!answer.ok) throw new Error(`control/${path}: ${answer.status} ${await answer.text()}`);
    const text = await answer.text();
    return text ? JSON.parse(text) : null;
  }

  /** Stops everything and removes the folder. */
  async stop() {
    for (const child of [...this.#children.values()].reverse()) {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await child.ended;
      clearTimeout(late);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const readable = (folder) => {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
};
