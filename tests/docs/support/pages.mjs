// Reads a page of docs/ into its sections and fenced blocks. Pure but for the reading of files; it runs nothing. The
// words after a fence's language say what a test does with the block: ```sh run``` is `{ language: 'sh', runner:
// 'run' }`, ```js file=sign.mjs``` `{ runner: 'file', argument: 'sign.mjs' }`. What each runner does stands in
// walk.mjs and blocks.test.mjs.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Every page, README.md of the whole project included, by its path from the root. */
export const pages = () => [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

/** The text of a file of the project. */
export const read = (path) => readFileSync(join(ROOT, path), 'utf8');

/** A fence's words: language, runner, its argument, and further words. */
export function fence(info) {
  const [language = '', word = '', ...options] = info.trim().split(/\s+/);
  const [runner, argument] = word.split(/=(.*)/s);
  return { language, runner, argument, options };
}

/** A page as sections `{ title, text, blocks }`; what stands before the first `##` has the page's own title. */
export function parse(text, path) {
  const sections = [{ title: '', text: '', blocks: [] }];
  let open;
  for (const [index, line] of text.split('\n').entries()) {
    const place = `${path}:${index + 1}`;
    const section = sections.at(-1);
    const mark = line.match(/^ *```(.*)$/);
    if (open && mark) {
      open.lines.push('');
      section.blocks.push({ ...fence(open.info), place: open.place, text: open.lines.join('\n') });
      open = undefined;
    } else if (open) {
      open.lines.push(line);
    } else if (mark) {
      open = { info: mark[1], place, lines: [] };
    } else if (/^## /.test(line)) {
      sections.push({ title: line.slice(3).replace(/^\d+\. /, ''), text: '', blocks: [] });
    } else {
      if (/^# /.test(line)) section.title = line.slice(2);
      section.text += `${line}\n`;
    }
  }
  if (open) throw new Error(`${open.place}: the fence has no end`);
  return sections;
}

/** The sections of a page by its path. */
export const sections = (path) => parse(read(path), path);

/** All fenced blocks of a page. */
export const blocks = (path) => sections(path).flatMap((section) => section.blocks);

/** The tables of a text, each a list of rows, each a list of cells; the header and its rule are left out. */
export function tables(text) {
  const found = [];
  let rows;
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) {
      rows = undefined;
      continue;
    }
    if (!rows) found.push((rows = []));
    rows.push(
      line
        .slice(1, line.lastIndexOf('|'))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
  }
  return found.map((table) => table.slice(2));
}

/** The words in backticks of a text. */
export const names = (text) => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]);

/**
 * Whether `output` shows the lines of `expected` in their order, with anything between them; `…` stands for anything within a
 * line. Spaces count once.
 */
export function shows(output, expected) {
  const plain = output.replace(/[ \t]+/g, ' ');
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const line = (text) =>
    text
      .trim()
      .split(/\s+/)
      .join(' ')
      .split('…')
      .map((part) => escaped(part.trim()))
      .join('[^\n]*?');
  const lines = expected
    .split('\n')
    .filter((text) => text.trim())
    .map(line);
  return new RegExp(lines.join('[^]*?')).test(plain);
}
