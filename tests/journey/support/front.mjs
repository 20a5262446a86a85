// The web servers that a merchant has in front of the proxy: the real nginx and the real Caddy, each with TLS, with the
// block of docs/deploy.md in a configuration that is otherwise a small site's. What is exchanged in a block are the
// addresses that it names, nothing else. Starts, stops and asks; holds no assertions.
//
//   const front = await Front.start('nginx', { names: ['www.example.com'], proxy: '127.0.0.1:4711', pages: {…} });
//   const chromium = await launch(front.forChromium());    // https://www.example.com/ is the front, and trusted
//   const answer = await front.ask('/tm/v1/clicks', { from: '127.0.0.2', method: 'POST', body });
//   await front.stop();

import { spawn, spawnSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sections } from '../../docs/support/pages.mjs';
import { freePort, until } from './product.mjs';

/** The page that the blocks stand on, and what they name. */
const PAGE = 'docs/deploy.md';
const PROXY = '127.0.0.1:8787';
const NAME = 'www.example.com';
const ROOT = '/srv/www';
const CDN = '173.245.48.0/20 103.21.244.0/22 2400:cb00::/32';

/** The program of this name that `cargo xtask test` found. */
export function program(name) {
  const variable = `${name.toUpperCase()}_BIN`;
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} is not set: run these tests with \`cargo xtask test --only journey\``);
  return path;
}

/** The first block in `language` of a section of docs/deploy.md, in which `pairs` are exchanged; each must be there. */
export function block(title, language, pairs) {
  const section = sections(PAGE).find((section) => section.title === title);
  const first = section?.blocks.find((block) => block.language === language);
  if (!first) throw new Error(`${PAGE} has no ${language} in a section "${title}"`);
  return pairs.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`${first.place} no longer says ${from}`);
    return text.replaceAll(from, to);
  }, first.text);
}

/** An nginx with one server, whose own part is `server`; `listen` is where. Nothing is written outside of `folder`. */
export const nginxConf = (folder, listen, server) => `
daemon off;
${process.getuid() === 0 ? 'user root;' : ''}
pid ${folder}/nginx.pid;
error_log stderr warn;
events {}
http {
  access_log ${folder}/access.log;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((use) => `${use}_temp_path ${folder}/${use};`).join(' ')}
  server {
    listen ${listen};
    ${server}
  }
}
`;

/** What a small site's server says by itself: names, certificate, compression, pages, files that are kept long. */
const nginxSite = ({ folder, names, root }) => `
    server_name ${names.join(' ')};
    ssl_certificate ${folder}/cert.pem;
    ssl_certificate_key ${folder}/key.pem;
    root ${root};
    types { text/html html; }
    gzip on;
    gzip_proxied any;
    gzip_types *;
    location / { try_files $uri $uri/index.html =404; }
    location ~* \\.(js|css|wasm|png)$ { expires 30d; }
`;

/** Caddy's options for a machine without a name in the world: an authority of its own, nothing outside of `folder`. */
const caddyOptions = (folder, port) => `{
  admin off
  local_certs
  skip_install_trust
  auto_https disable_redirects
  https_port ${port}
  default_bind 127.0.0.1
  storage file_system ${folder}/caddy
}
`;

/** A certificate for `names` that signs itself. */
function selfSigned(folder, names) {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'key.pem')];
  const hosts = names.map((name) => `DNS:${name}`).join(',');
  const what = ['-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${hosts}`, '-days', '2'];
  const words = ['req', '-x509', ...key, '-out', join(folder, 'cert.pem'), ...what];
  const made = spawnSync('openssl', words, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.stderr ?? made.error}`);
}

/** How each kind is laid out in `folder` and started; `trust` is the certificate that vouches for the front's. */
const KINDS = {
  nginx({ folder, names, port, proxy, root, isDefaultPort }) {
    selfSigned(folder, names);
    const ports = isDefaultPort ? [] : [['$host;', '$host:$server_port;']];
    const server = nginxSite({ folder, names, root }) + block('nginx', 'nginx', [[PROXY, proxy], ...ports]);
    const conf = join(folder, 'nginx.conf');
    writeFileSync(conf, nginxConf(folder, `127.0.0.1:${port} ssl http2`, server));
    return { args: ['-p', folder, '-e', 'stderr', '-c', conf], trust: 'cert.pem', shown: 'cert.pem' };
  },
  caddy({ folder, names, port, proxy, root, cdn }) {
    const pairs = [[NAME, names.join(', ')], [PROXY, proxy]];
    const site = cdn
      ? block('Cloudflare in front', 'caddy', [...pairs, [CDN, cdn]])
      : block('Caddy', 'caddy', [...pairs, [ROOT, root]]);
    const compressed = site.replace('{\n', '{\n    encode gzip\n');
    writeFileSync(join(folder, 'Caddyfile'), caddyOptions(folder, port) + compressed);
    const authority = 'caddy/pki/authorities/local';
    const args = ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')];
    return { args, trust: `${authority}/root.crt`, shown: `${authority}/intermediate.crt` };
  },
};

/** Caddy makes its certificate by itself, and where that fails once, tries again after a minute. */
const PATIENCE_MS = 180_000;

/** A front that runs. */
export class Front {
  #child;

  /**
   * Starts the front of a kind, `nginx` or `caddy`, for the hosts `names`, with a proxy at the address `proxy` and the
   * site's own `pages`, texts by file name. `cdn` is the address of a CDN before it. With a `port`, the site's address
   * names it; without, browsers come by that of https.
   */
  static async start(kind, { names = [NAME], proxy, pages = {}, cdn, port }) {
    const folder = mkdtempSync(join(tmpdir(), `trailmark-${kind}-`));
    const front = Object.assign(new Front(), { kind, names, folder, port: port ?? (await freePort()) });
    const isDefaultPort = port === undefined;
    try {
      await front.#run({ folder, names, port: front.port, isDefaultPort, proxy, pages, cdn });
    } catch (error) {
      await front.stop();
      throw error;
    }
    return front;
  }

  async #run({ pages, ...site }) {
    const root = join(this.folder, 'www');
    mkdirSync(root);
    for (const [name, text] of Object.entries(pages)) writeFileSync(join(root, name), text);
    const { args, trust, shown } = KINDS[this.kind]({ ...site, root });
    const log = openSync(join(this.folder, 'front.log'), 'a');
    const env = { PATH: process.env.PATH, HOME: this.folder };
    this.#child = spawn(program(this.kind), args, { cwd: this.folder, env, stdio: ['ignore', log, log] });
    this.ended = new Promise((resolve) => this.#child.once('error', resolve).once('exit', resolve));
    const early = this.ended.then((how) => Promise.reject(new Error(`${this.kind} ended (${how}):\n${this.log()}`)));
    early.catch(() => {});
    let why;
    const answers = async () => {
      this.ca = readFileSync(join(this.folder, trust));
      return this.ask('/');
    };
    const answering = () => answers().catch((error) => void (why = error));
    await Promise.race([until(`${this.kind} answers`, answering, PATIENCE_MS), early]).catch((error) => {
      throw new Error(`${error.message}; its last answer: ${why}\n${this.log()}`);
    });
    this.shown = new X509Certificate(readFileSync(join(this.folder, shown)));
  }

  /** Playwright's options for a Chromium in which the front's names lead to it and its certificate is trusted. */
  forChromium() {
    const spki = this.shown.publicKey.export({ type: 'spki', format: 'der' });
    const key = createHash('sha256').update(spki).digest('base64');
    const rules = this.names.map((name) => `MAP ${name}:443 127.0.0.1:${this.port}`);
    return { args: [`--host-resolver-rules=${rules.join(',')}`, `--ignore-certificate-errors-spki-list=${key}`] };
  }

  /** Puppeteer's options for a Firefox in which the front's names lead to it. */
  forFirefox() {
    const prefs = { 'network.dns.localDomains': this.names.join(','), 'network.socket.forcePort': `443=${this.port}` };
    return { acceptInsecureCerts: true, extraPrefsFirefox: prefs };
  }

  /**
   * One call over HTTP/1.1 on a connection of its own, from the loopback address `from`: `{ status, headers, body }`.
   * Linux has all of 127.0.0.0/8; elsewhere an address beside 127.0.0.1 needs `ifconfig lo0 alias`.
   */
  ask(path, { from = '127.0.0.1', name = this.names[0], method = 'GET', headers = {}, body } = {}) {
    const to = { host: '127.0.0.1', port: this.port, localAddress: from, servername: name };
    const what = { path, method, headers: { host: name, ...headers } };
    return new Promise((resolve, reject) => {
      const call = request({ ...to, ...what, ca: this.ca, agent: false }, async (answer) => {
        const parts = [];
        for await (const part of answer) parts.push(part);
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) });
      });
      call.once('error', reject).end(body);
    });
  }

  /** What the front has said. */
  log() {
    return readFileSync(join(this.folder, 'front.log'), 'utf8');
  }

  /** Its log of requests; Caddy would write it among the rest. */
  requests() {
    return this.kind === 'nginx' ? readFileSync(join(this.folder, 'access.log'), 'utf8') : this.log();
  }

  /** Ends the front and removes its folder. */
  async stop() {
    if (this.#child) {
      this.#child.kill('SIGTERM');
      const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
      await this.ended;
      clearTimeout(late);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
