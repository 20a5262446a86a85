// Follows a page from its first section to its last, as somebody would who has never seen the project: saves what it
// says to save, runs what it says to run, and compares what the page promises with what is seen. What hands do, such
// as pressing a button, is given by the test as `hands`, a function for the title of a section.
//
// Runners: `run` in the terminal, with `retry` until the next `seen` is true, with `then` after the hands; `seen`
// compares with what was printed last; `file=` saves, `append=` adds; `result` compares with what `hands` have
// returned. `build` is what made the binary.

import assert from 'node:assert/strict';

import { until } from '../../journey/support/product.mjs';
import { sections, shows } from './pages.mjs';
import { Terminal } from './terminal.mjs';

/** What a walk can do with a block. */
export const RUNNERS = ['append', 'build', 'file', 'result', 'run', 'seen'];

/** A page that is followed. */
export class Walk {
  /** Opens a terminal. */
  static async begin() {
    return Object.assign(new Walk(), { terminal: await Terminal.open(), printed: '', result: '' });
  }

  /** Follows one page; `hands` holds functions by the title of the section that they work in. */
  async follow(path, hands = {}) {
    const all = sections(path);
    const titles = all.map(({ title }) => title);
    for (const title of Object.keys(hands)) assert.ok(titles.includes(title), `${path} has a section "${title}"`);
    for (const { title, blocks } of all) {
      // Hands come before the blocks that tell what came of them, and after what is to be saved and run.
      const told = blocks.findIndex(({ runner, options }) => runner === 'result' || options.includes('then'));
      const turn = told < 0 ? blocks.length : told;
      for (const [index, block] of blocks.entries()) {
        if (index === turn) await this.#hand(hands[title]);
        await this.#play(block, blocks[index + 1]);
      }
      if (turn === blocks.length) await this.#hand(hands[title]);
    }
  }

  async #hand(hand) {
    if (hand) this.result = this.terminal.there((await hand(this.terminal)) ?? '');
  }

  async #play(block, next) {
    const { place, runner, argument, options, text } = block;
    switch (runner) {
      case 'append':
      case 'file':
        return this.terminal.save(argument, text, { append: runner === 'append' });
      case 'run':
        return options.includes('retry') ? this.#retry(block, next) : (this.printed = await this.#run(block));
      case 'seen':
        return assert.ok(
          shows(this.printed, text),
          `${place} promises\n${text}\nand this was printed\n${this.printed}`,
        );
      case 'result':
        return assert.ok(shows(this.result, text), `${place} promises\n${text}\nand this was seen\n${this.result}`);
      default:
    }
  }

  async #run({ place, text }) {
    try {
      return await this.terminal.run(text);
    } catch (error) {
      error.message = `${place}: ${error.message}`;
      throw error;
    }
  }

  async #retry(block, next) {
    assert.equal(next?.runner, 'seen', `${block.place}: what is tried again is followed by what is seen at last`);
    const tried = async () => shows((this.printed = await this.#run(block)), next.text);
    await until(`${next.place} is seen`, tried, 30_000).catch((error) => {
      throw new Error(`${error.message}; this is:\n${this.printed}\n${this.terminal.logs()}`);
    });
  }

  /** Closes the terminal. */
  end() {
    return this.terminal.close();
  }
}
