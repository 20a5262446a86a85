// A real Chromium for journey tests, driven by playwright-core: one fresh context a test, and what the page said on its
// console. Holds no assertions.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

import { ROOT } from './product.mjs';

// As root Chromium needs --no-sandbox; the rest keeps it from calling home.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Starts the browser that `cargo xtask test` found. */
export function launch() {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error('CHROMIUM is not set: run these tests with `cargo xtask test --only journey`');
  return chromium.launch({ executablePath, args: FLAGS });
}

/** A page in a context of its own, with all its console output, uncaught errors and requests recorded. */
export async function freshPage(browser, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const said = { console: [], errors: [], requests: [] };
  page.on('console', (message) => said.console.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.errors.push(String(error)));
  page.on('request', (request) => said.requests.push({ method: request.method(), url: request.url() }));
  return { context, page, said };
}

/** Keeps a picture of the page under target/screenshots, for people to look at. */
export async function screenshot(page, name) {
  const folder = join(ROOT, 'target', 'screenshots');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
