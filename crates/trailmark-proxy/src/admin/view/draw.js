// Draws rows without flicker and without losing focus: a row keeps its element while it exists, a cell its content until it
// changes. Never writes HTML from data; everything is inserted as text.

import { colour, toned } from './say.js';

export function element(tag, className, ...inside) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside.filter((one) => one !== null && one !== undefined && one !== ''));
  return made;
}

/** Sets an element's text if it differs. */
export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

export const chip = (word, kind = colour(word)) => element('span', `word ${kind}`, word.replaceAll('_', ' '));

export function link(href, className, text, title) {
  const made = element('a', className, text);
  made.href = href;
  if (title) made.title = title;
  return made;
}

/** A sentence; text between backticks is a command or a name. */
export function sentence(tag, className, text) {
  const parts = (text ?? '').split('`').map((part, index) => (index % 2 ? element('code', '', part) : part));
  return element(tag, className, ...parts);
}

/* A cell is nothing, a text, or { chip, tone, open, main, sub, code }. */
function fill(cell, style, said) {
  const { main, sub, chip: word, tone, code, open } = typeof said === 'object' && said ? said : { main: said };
  const parts = [];
  if (word) parts.push(chip(word, tone && toned(tone)));
  if (main) parts.push(sentence('span', code ? 'code' : 'main', main));
  if (sub) parts.push(sentence('span', 'sub', sub));
  if (open) parts.push(link(open.href, 'code', open.text, open.title));
  cell.className = parts.length ? style : `${style} none`;
  cell.replaceChildren(...(parts.length ? parts : ['–']));
}

function updateRow(line, columns, row, isNew) {
  columns.forEach(([name, style, of], index) => {
    const cell = line.cells[index] ?? line.insertCell();
    const said = of(row);
    const now = JSON.stringify(said ?? null);
    if (cell.said === now) return;
    const before = cell.said;
    cell.said = now;
    cell.dataset.name = name;
    fill(cell, style, said);
    if (!isNew && before !== undefined) cell.classList.add('changed');
  });
}

function newTable(place, columns) {
  const whole = element('table');
  const head = whole.createTHead().insertRow();
  for (const [name, style] of columns) {
    const cell = element('th', style, name);
    cell.scope = 'col';
    head.append(cell);
  }
  place.replaceChildren(whole);
  return { place, body: whole.createTBody(), rows: new Map() };
}

const tables = new WeakMap();

/**
 * Draws the present rows of a place. `columns` are `[name, class, cell of a row]`; `id` names a row; `empty` is shown if there
 * are none; with `calm` new rows are not highlighted.
 */
export function draw(place, columns, rows, { id = (row) => row.id, empty = '', calm = false } = {}) {
  if (rows.length === 0) {
    tables.set(place, null);
    if (place.textContent !== empty) place.replaceChildren(element('p', 'empty', empty));
    return;
  }
  const isNews = tables.has(place) && !calm;
  const table = tables.get(place) ?? newTable(place, columns);
  tables.set(place, table);
  const gone = new Set(table.rows.keys());
  rows.forEach((row, index) => {
    const name = id(row);
    gone.delete(name);
    let line = table.rows.get(name);
    const isNew = !line;
    if (isNew) {
      line = element('tr', isNews ? 'fresh' : '');
      table.rows.set(name, line);
    }
    updateRow(line, columns, row, isNew);
    if (table.body.rows[index] !== line) table.body.insertBefore(line, table.body.rows[index] ?? null);
  });
  for (const name of gone) {
    table.rows.get(name).remove();
    table.rows.delete(name);
  }
}
