// The browsers of the journey tests. Holds no assertions. Two ways in:
//
// `launch` and `freshPage` give Chromium with all of playwright-core, for tests that need it.
//
// `browsers` are Chromium and Firefox behind one face with only what a journey needs:
//
//   for (const browser of browsers) {
//     test(`a bound form makes one customer in ${browser.name}`, async (t) => {
//       const page = await browser.fresh(t);                // a context of its own, closed with the test
//       await page.goto(`${product.site}/?ps_xid=${xid}`);
//       await page.follow(`${product.site}/next.html`);     // as a page's script goes there: does not wait for its load
//       await page.sees('ada brought you');                 // waits for a text that a person can see
//       await page.click('nav a', 'Sign up');               // CSS selector, and what the element's text holds
//       await page.fill('E-mail', 'reader@example.org');    // a label, and what is typed
//       const line = await page.text('[data-result] code'); // waits for the element
//       await page.waitFor(() => window.done, arg);         // polls in the page, also across navigations
//       const value = await page.evaluate((arg) => …, arg); // one argument
//       await page.prepare('window.early = true');          // script ahead of every later document's own
//       const second = await page.another();                // a second tab with the same cookies and storage
//       await page.picture('landing');                      // a screenshot for people to look at
//       page.url(); await page.reload(); await page.cookies(); page.said; // { console, errors, requests }
//
// Hosts such as `www.acme.localhost` and `tm.acme.localhost` reach 127.0.0.1 in both without any set-up, are secure
// contexts, and share cookies under `acme.localhost`. Where a page names no icon, Firefox asks for /favicon.ico and
// `said.requests` tells, while Chromium puts the 404 on its console; cookies that Firefox refuses are among its errors.
// Neither can answer a request in the server's place: serve a real page. `browsers.test.mjs` tests the face.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';

import { chromium } from 'playwright-core';

import * as firefox from './firefox.mjs';
import { ROOT } from './product.mjs';

// As root Chromium needs --no-sandbox; the rest keeps it from calling home.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** How long a page may take to show what is waited for: no test measures it, and a machine may be busy. */
const PATIENCE_MS = 60_000;

/** Starts the Chromium that `cargo xtask test` found, with more of Playwright's options where a test needs them. */
export function launch(options = {}) {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error('CHROMIUM is not set: run these tests with `cargo xtask test --only journey`');
  return chromium.launch({ executablePath, ...options, args: [...FLAGS, ...(options.args ?? [])] });
}

/** A Chromium page in a context of its own, with its console output, uncaught errors and requests recorded. */
export async function freshPage(browser, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  return { context, page, said: listen(page) };
}

/**
 * Script ahead of a page's own, for `addInitScript`: a call is answered by the proxy's word, however busy the machine is. By
 * design a page hears `queued` after a quarter of a second.
 */
export const patiently = () => {
  const set = window.setTimeout;
  window.setTimeout = (run, ms, ...more) => set(run, ms === 250 || ms === 290 ? 30_000 : ms, ...more);
};

/** The same page, whose calls wait for the proxy's word: for tests of what becomes of a call, not of when. */
export async function patientPage(browser, options) {
  const opened = await freshPage(browser, options);
  await opened.page.addInitScript(patiently);
  return opened;
}

/** Keeps a picture of the page under target/screenshots, for people to look at. */
export async function screenshot(page, name) {
  const folder = join(ROOT, 'target', 'screenshots');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** Records what a page says and asks a server for from now on. Both drivers emit the same events. */
function listen(page) {
  const said = { console: [], errors: [], requests: [] };
  page.on('console', (message) => said.console.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.errors.push(String(error)));
  page.on('request', (request) => {
    // Firefox counts `data:` among the requests, though nothing leaves the page for it.
    if (!request.url().startsWith('data:')) said.requests.push({ method: request.method(), url: request.url() });
  });
  return said;
}

/** Of a page that may be in the background, where no frame is painted. */
const LOOK_EVERY_MS = 50;

/** What the two drivers spell differently; `firefox.mjs` has the same functions. */
const playwright = {
  name: 'Chromium',
  launch,
  newContext: (browser) => browser.newContext(),
  prepare: (tab, script) => tab.addInitScript(script),
  fill: (element, text) => element.fill(text),
  waitFor: (tab, probe, arg, timeout, polling) => tab.waitForFunction(probe, arg, { timeout, polling }),
};

/** Runs in the page: the first visible element of a selector whose text holds another. */
const visible = ({ selector, text }) => {
  const said = (element) => element.textContent.replace(/\s+/g, ' ');
  const fits = (element) => element.checkVisibility({ visibilityProperty: true }) && said(element).includes(text);
  return [...document.querySelectorAll(selector)].find(fits);
};

/** Runs in the page: the control that a label names. */
const labelled = (label) =>
  [...document.querySelectorAll('label')].find(({ textContent }) => textContent.trim().startsWith(label))?.control;

/** One tab. The head of this file shows every method at work. */
class Page {
  #driver;
  #context;
  #tab;

  static async open(driver, context) {
    const page = new Page();
    page.#driver = driver;
    page.#context = context;
    page.#tab = await context.newPage();
    page.#tab.setDefaultTimeout(PATIENCE_MS);
    page.said = listen(page.#tab);
    return page;
  }

  another() {
    return Page.open(this.#driver, this.#context);
  }

  async goto(url) {
    await this.#tab.goto(url);
  }

  async follow(url) {
    await this.evaluate((url) => void setTimeout(() => (location.href = url)), url);
    await this.waitFor((path) => location.pathname === path, new URL(url).pathname);
  }

  async reload() {
    await this.#tab.reload();
  }

  url() {
    return this.#tab.url();
  }

  async click(selector, text = '') {
    const element = await this.#found(`a visible ${selector} that says "${text}"`, visible, { selector, text });
    await element.click();
  }

  async fill(label, text) {
    const element = await this.#found(`a control labelled "${label}"`, labelled, label);
    await this.#driver.fill(element, text);
  }

  async text(selector) {
    const element = await this.#found(`a visible ${selector}`, visible, { selector, text: '' });
    return element.evaluate(({ textContent }) => textContent);
  }

  async sees(text) {
    await this.#found(`the text "${text}"`, (wanted) => document.body?.innerText.includes(wanted), text);
  }

  async waitFor(probe, arg) {
    await this.#found(String(probe), probe, arg);
  }

  evaluate(script, arg) {
    return this.#tab.evaluate(script, arg);
  }

  async prepare(script) {
    await this.#driver.prepare(this.#tab, script);
  }

  cookies() {
    return this.#context.cookies();
  }

  async picture(name) {
    await screenshot(this.#tab, `${name}-${this.#driver.name.toLowerCase()}`);
  }

  async #found(what, probe, arg) {
    try {
      return await this.#driver.waitFor(this.#tab, probe, arg, PATIENCE_MS, LOOK_EVERY_MS);
    } catch (cause) {
      throw new Error(`gave up waiting for ${what} on ${this.url()}`, { cause });
    }
  }
}

/** A browser that is started by the first test that asks for a page, and closed after the last of the file. */
function shared(driver) {
  let running;
  after(async () => {
    const browser = await running?.catch(() => undefined);
    await browser?.close();
  });
  const fresh = async (t) => {
    running ??= (async () => driver.launch())();
    const context = await driver.newContext(await running);
    t.after(() => context.close());
    return Page.open(driver, context);
  };
  return { name: driver.name, fresh };
}

/** Both browsers behind the face that the head of this file describes. */
export const browsers = [shared(playwright), shared(firefox)];

/** The same, in which the names of a `Front` (front.mjs) lead to it; `front` gives it once it runs. */
export const browsersBehind = (front) => [
  shared({ ...playwright, launch: () => launch(front().forChromium()) }),
  shared({ ...firefox, launch: () => firefox.launch(front().forFirefox()) }),
];
