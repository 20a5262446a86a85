// What the shared face of `browser.mjs` needs of Firefox, driven by puppeteer-core over WebDriver BiDi: Playwright
// would want a Firefox build of its own. Nothing here knows what a journey is.

import puppeteer from 'puppeteer-core';

export const name = 'Firefox';

/** A browser that does not answer fails its test well before the runner's own patience ends. */
const PROTOCOL_MS = 180_000;

/** Starts the Firefox that `cargo xtask test` found, with a profile of its own and more of Puppeteer's options. */
export function launch(options = {}) {
  const executablePath = process.env.FIREFOX;
  if (!executablePath) throw new Error('FIREFOX is not set: run these tests with `cargo xtask test --only journey`');
  const own = { browser: 'firefox', executablePath, headless: true, protocolTimeout: PROTOCOL_MS };
  return puppeteer.launch({ ...own, ...options });
}

/** Cookies and storage of its own. */
export const newContext = (browser) => browser.createBrowserContext();

/** Runs a script ahead of those of every later document. */
export const prepare = (tab, script) => tab.evaluateOnNewDocument(script);

/** Puts a text into a control, as typing does. */
export const fill = (element, text) => element.asLocator().fill(text);

/** Waits until a function of the page gives something truthy, and gives a handle on that. */
export const waitFor = (tab, probe, arg, timeout, polling) => tab.waitForFunction(probe, { timeout, polling }, arg);
