// The same page by each bundler in its usual set-up, and by none: whoever follows a partner's link to what the tool has built
// signs up, and the partner has one customer.

import { test } from 'node:test';

import { browsers } from '../../journey/support/browser.mjs';
import { PACKAGE, signsUp } from '../../npm/support.mjs';
import { PLAIN, built } from '../support.mjs';

const here = (name) => new URL(`${name}/`, import.meta.url);

const TOOLS = {
  webpack: { from: [PLAIN], build: ['webpack', 'build', '--entry', './main.js', '--mode', 'production'] },
  'Rollup with a plugin for assets': { from: [PLAIN, here('rollup')], build: ['rollup', '--config'] },
  'Rollup with the inlined module': {
    from: [PLAIN, here('inline')],
    build: ['rollup', 'main.js', '--dir', 'dist', '--plugin', 'node-resolve'],
  },
  'esbuild with its loader for files': {
    from: [PLAIN, here('url')],
    build: ['esbuild', 'main.js', '--bundle', '--outdir=dist', '--loader:.wasm=file', '--public-path=/'],
  },
  'esbuild with the inlined module': { from: [PLAIN, here('inline')], build: ['esbuild', 'main.js', '--bundle', '--outdir=dist'] },
  Parcel: { from: [PLAIN], build: ['parcel', 'build', 'index.html', '--no-cache'] },
  'an import map alone': { from: [PLAIN, here('importmap')], dist: '.', beside: { '/node_modules/trailmark/': PACKAGE } },
};

for (const [how, tool] of Object.entries(TOOLS)) {
  test(`a visitor of a page by ${how} signs up, and the partner has one customer`, async (t) => {
    await signsUp(t, await built(t, how.replace(/\W+/g, '-'), tool), browsers[0]);
  });
}
