// `cargo xtask demo` as a newcomer runs it, for tests that need it whole. Holds no assertions. `stop` and `kill` say how it ends.

import { spawn } from 'node:child_process';

import { ROOT, until } from './product.mjs';

export class Demo {
  #child;

  /** Starts it and waits until its addresses are printed, through the builds. */
  static async start(...options) {
    const demo = new Demo();
    const settings = { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] };
    const child = (demo.#child = spawn('cargo', ['xtask', 'demo', ...options], settings));
    demo.output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (demo.output += text));
    demo.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
    const early = demo.ended.then((code) => Promise.reject(new Error(`the demo ended with ${code}:\n${demo.output}`)));
    early.catch(() => {});
    try {
      await Promise.race([until('the addresses are printed', () => /explore\s+\S.*\n/.test(demo.output), 600_000), early]);
    } catch (error) {
      await demo.end();
      throw error;
    }
    const printed = (name) => demo.output.match(new RegExp(`${name}\\s+(http\\S+)`))[1];
    [demo.site, demo.ledger, demo.simulator] = ['site', 'ledger view', 'simulator'].map(printed);
    [, demo.explore] = demo.output.match(/explore\s+(.+)/);
    return demo;
  }

  /** The three addresses. */
  get addresses() {
    return [this.site, this.ledger, this.simulator];
  }

  /** Ctrl-C, and how it ended. */
  stop() {
    process.kill(-this.#child.pid, 'SIGINT');
    return this.ended;
  }

  /** `kill -9` of the task alone: what it has started gets no signal from here. */
  kill() {
    process.kill(this.#child.pid, 'SIGKILL');
    return this.ended;
  }

  /** Whatever happened before. */
  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const late = setTimeout(() => process.kill(-this.#child.pid, 'SIGKILL'), 20_000);
    await this.stop();
    clearTimeout(late);
  }
}

/** Whether nobody listens at an address. */
export const refused = (url) => fetch(url).then(() => false, () => true);
