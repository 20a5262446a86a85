// What the steps of `cargo xtask matrix` share: an application that a tool builds into files, laid behind one server with the
// proxy, as a web server does. Building, serving and the way to the signup are those of tests/npm/support.mjs. Holds no assertions.

import { cpSync, existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';

import { passage } from '../journey/support/passage.mjs';
import { Product } from '../journey/support/product.mjs';
import { lay, run } from '../npm/support.mjs';

/** The page and the application of the tools without a framework; others take parts of it. */
export const PLAIN = new URL('plain/', import.meta.url);

const TYPES = { '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/**
 * An application whose files are those of the folders `from`, made by the command line `build` into the folder `dist`, and
 * served; `beside` are further folders by path. Ends with its test.
 */
export async function built(t, name, { from, build, dist = 'dist', beside = {} }) {
  const cwd = lay(name, from);
  if (build) await run(build[0], build.slice(1), { cwd, env: { ASTRO_TELEMETRY_DISABLED: '1' } });
  const root = join(cwd, dist);
  // A tool that reads no HTML leaves the page to the developer.
  if (!existsSync(join(root, 'index.html'))) cpSync(join(cwd, 'index.html'), join(root, 'index.html'));
  const between = await passage();
  t.after(between.close);
  for (const [at, folder] of Object.entries({ '/': root, ...beside })) {
    for (const file of readdirSync(folder, { recursive: true }).filter((file) => statSync(join(folder, file)).isFile())) {
      between.serve(at + file, TYPES[extname(file)] ?? 'application/octet-stream', readFileSync(join(folder, file)));
    }
  }
  between.serve('/', TYPES['.html'], readFileSync(join(root, 'index.html')));
  const product = await Product.start({ www: false, pages: between.url });
  t.after(() => product.stop());
  between.to(product.site);
  return { origin: between.url, product };
}
