// One terminal of somebody who follows a page: a shell that lives as long as the page, in a new folder, with the
// built binary on its PATH. The one thing that is not to the letter are port numbers: the pages name fixed ones,
// tests take free ones, so they are exchanged on the way in and back on the way out. Holds no assertions.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { BINARY, freePort } from '../../journey/support/product.mjs';

/** The ports that the pages name: site, operator's listener, simulator, and web servers beside them. */
const PORTS = [8787, 8788, 9100, 8080, 3000];

/** What one block may take. */
const LIMIT_MS = 60_000;

const exchange = (text, pairs) =>
  pairs.reduce((text, [from, to]) => text.replace(new RegExp(`\\b${from}\\b`, 'g'), to), text);

export class Terminal {
  #shell;
  #said = '';
  #told = 0;
  #heard = () => {};
  #blocks = 0;

  /** Opens a shell in a new folder. */
  static async open() {
    const terminal = new Terminal();
    const free = await Promise.all(PORTS.map(freePort));
    terminal.ports = PORTS.map((port, index) => [String(port), String(free[index])]);
    terminal.folder = mkdtempSync(join(tmpdir(), 'trailmark-docs-'));
    const tools = join(terminal.folder, '.tools');
    mkdirSync(tools);
    // The simulator has default ports, and prints a configuration with them.
    const sed = terminal.ports.map(([from, to]) => `-e 's/\\b${from}\\b/${to}/g'`).join(' ');
    const [site, , simulator] = terminal.ports.map(([, to]) => `127.0.0.1:${to}`);
    const simulate = `simulate) shift; exec "${BINARY}" simulate --listen ${simulator} --landing-url http://${site}/ "$@" ;;`;
    const program = `#!/bin/sh
case "$*" in *--print-config*) "${BINARY}" "$@" | sed ${sed}; exit ;; esac
case "$1" in ${simulate} esac
exec "${BINARY}" "$@"
`;
    writeFileSync(join(tools, 'trailmark'), program, { mode: 0o755 });
    const { PATH, HOME, LANG } = process.env;
    terminal.#shell = spawn('bash', ['--noprofile', '--norc'], {
      cwd: terminal.folder,
      detached: true,
      env: { PATH: `${tools}:${PATH}`, HOME, LANG },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    terminal.ended = new Promise((resolve) => terminal.#shell.once('exit', resolve));
    for (const stream of [terminal.#shell.stdout, terminal.#shell.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        terminal.#said += text;
        terminal.#heard();
      });
    terminal.ended.then(() => terminal.#heard('ended'));
    return terminal;
  }

  /** A text of a page with this terminal's ports. */
  here(text) {
    return exchange(text, this.ports);
  }

  /** A text of this terminal with the ports of the pages. */
  there(text) {
    return exchange(
      text,
      this.ports.map(([from, to]) => [to, from]),
    );
  }

  /** Saves a file of a page; `text` may name ports. */
  save(path, text, { append = false } = {}) {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, this.here(text), { flag: append ? 'a' : 'w' });
  }

  /** Runs a block: what it printed. Every line must succeed. */
  async run(text) {
    if (this.#shell.exitCode !== null) throw new Error('the shell has ended: an earlier block failed');
    const file = join(this.folder, '.tools', `block-${(this.#blocks += 1)}.sh`);
    const mark = `--- block ${this.#blocks} of ${this.ports[0][1]} ---`;
    writeFileSync(file, this.here(text));
    this.#told = this.#said.length;
    this.#shell.stdin.write(`set -e; . ${file} </dev/null 2>&1; set +e; echo; echo '${mark}'\n`);
    const late = new Promise((_, reject) => {
      this.timer = setTimeout(() => reject(new Error(`still running after ${LIMIT_MS} ms:\n${text}`)), LIMIT_MS);
    });
    const done = new Promise((resolve, reject) => {
      this.#heard = (ended) => {
        const said = this.#said.slice(this.#told);
        if (said.includes(mark)) resolve(said.slice(0, said.indexOf(mark)));
        else if (ended) reject(new Error(`failed:\n${text}\nwhich said:\n${this.there(said)}\n${this.logs()}`));
      };
    });
    try {
      return this.there(await Promise.race([done, late]));
    } finally {
      clearTimeout(this.timer);
    }
  }

  /** The last lines of every log of this folder. */
  logs() {
    const files = readdirSync(this.folder).filter((name) => name.endsWith('.log'));
    return files.map((name) => `${name}:\n${readFileSync(join(this.folder, name), 'utf8').slice(-1500)}`).join('\n');
  }

  /** Ends the shell and what it has started, and removes the folder. */
  async close() {
    try {
      // The shell and its children are one group, made by `detached`.
      process.kill(-this.#shell.pid, 'SIGTERM');
      const late = setTimeout(() => process.kill(-this.#shell.pid, 'SIGKILL'), 10_000);
      await this.ended;
      clearTimeout(late);
    } catch {
      // It had ended.
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
