// What every page of ours must be, in a real browser: readable in light and dark, at the width of a phone and of a desk, with
// names for its controls, at rest, and usable by keyboard. Pictures go to target/screenshots, for people to look at.

import assert from 'node:assert/strict';

import { screenshot } from './browser.mjs';

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 900 };
const SCHEMES = ['light', 'dark'];
export const LOOKS = [PHONE, DESKTOP].flatMap((viewport) => SCHEMES.map((colorScheme) => ({ viewport, colorScheme })));

/** Adds up what moved without having been touched, from the first paint on. */
export function watchShifts() {
  window.shifted = 0;
  const add = (list) => {
    for (const entry of list.getEntries()) window.shifted += entry.hadRecentInput ? 0 : entry.value;
  };
  new PerformanceObserver(add).observe({ type: 'layout-shift', buffered: true });
}

/** Every text on the page whose contrast with what lies behind it is below WCAG's 4.5:1, as the browser paints both. */
function faintTexts() {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const paint = (...colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
    }
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => getComputedStyle(element).backgroundColor;
  const grounds = (element) => (element ? [...grounds(element.parentElement), ground(element)] : ['Canvas']);
  const faint = [];
  let looked = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || element.closest('script, style, [disabled]')) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    looked += 1;
    const behind = grounds(element);
    const painted = [paint(...behind), paint(...behind, getComputedStyle(element).color)].map(luminance);
    const ratio = (Math.max(...painted) + 0.05) / (Math.min(...painted) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)}: ${text.data.trim().slice(0, 40)}`);
  }
  return { faint, looked };
}

/** Whether the page fits its window and each table its place, and every control has a name. */
function flaws() {
  const found = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) found.push(`it scrolls sideways: ${scrollWidth} px in ${innerWidth}`);
  for (const control of document.querySelectorAll('input, select, textarea')) {
    const named = control.labels?.length || control.ariaLabel || control.getAttribute('aria-labelledby');
    if (!named) found.push(`${control.outerHTML} has no label`);
  }
  for (const control of document.querySelectorAll('a[href], button')) {
    if (!(control.textContent.trim() || control.ariaLabel)) found.push(`${control.outerHTML} has no name`);
  }
  for (const table of document.querySelectorAll('table')) {
    const frame = table.closest('section, aside') ?? document.body;
    const beyond = table.getBoundingClientRect().right - frame.getBoundingClientRect().right;
    if (beyond > 0) found.push(`a table goes ${Math.round(beyond)} px beyond its frame`);
  }
  const levels = [...document.querySelectorAll('h1')].filter((heading) => heading.checkVisibility());
  if (levels.length !== 1) found.push(`${levels.length} headings of the first level`);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  found.push(...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `the id ${id} stands twice`));
  return found;
}

export async function sound(page, name, { viewport, colorScheme }) {
  const where = `${name} at ${viewport.width} px, ${colorScheme}`;
  const { faint, looked } = await page.evaluate(faintTexts);
  assert.ok(looked > 10, `${where}: texts were looked at`);
  assert.deepEqual(faint, [], `${where}: contrast`);
  assert.deepEqual(await page.evaluate(flaws), [], where);
  assert.ok((await page.evaluate(() => window.shifted)) < 0.01, `${where}: nothing moves by itself`);
  await screenshot(page, `${name}-${viewport.width}-${colorScheme}`);
}

/** Presses Tab until the control of that name has the focus, which must be visible and under nothing. */
export async function tabTo(page, name) {
  const seen = [];
  for (let press = 0; press < 60; press += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const control = document.activeElement;
      const { left, top, width, height } = control.getBoundingClientRect();
      const hit = document.elementFromPoint(left + width / 2, top + height / 2);
      // A radio button's label is its body.
      const bodies = [control, control.closest('label')].filter(Boolean);
      const ringed = bodies.some((body) => getComputedStyle(body).outlineStyle !== 'none');
      const text = (control.labels?.[0] ?? control).textContent.trim().replace(/\s+/g, ' ');
      return { text, ringed, free: bodies.some((body) => body.contains(hit)) };
    });
    seen.push(at.text);
    if (!at.text.startsWith(name)) continue;
    assert.ok(at.ringed, `the focus on ${name} shows`);
    assert.ok(at.free, `${name} lies under nothing`);
    return;
  }
  assert.fail(`no way by Tab to ${name}: ${seen.join(' > ')}`);
}
