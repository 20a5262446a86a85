// The ledger view: asks v1 once a second and changes the cells that differ, so that nothing flickers and focus stays.
// Shows no e-mail address and never writes HTML from data; everything goes in as text. It changes nothing in the
// ledger: changes are made with `trailmark outbox` and `trailmark conversions`.
'use strict';

const EVERY_MS = 1000;
const KEY = 'trailmark-admin-key';
/** How many rows of a section are shown unasked, so that what happens elsewhere is not pushed out of sight. */
const SHOWN = 8;
/** How many decisions are read in one turn; those of older conversions follow in the next. */
const DECISIONS_A_TURN = 12;

const GOOD = ['accepted', 'recorded', 'open', 'visible', 'not_needed', 'approved', 'paid'];
const BAD = ['rejected', 'dead', 'conflict', 'paused', 'broken', 'dropped', 'unsupported', 'deleted', 'blocked'];

const byId = (id) => document.getElementById(id);

/* What is asked for */

class Refused extends Error {}

async function ask(path) {
  const key = sessionStorage.getItem(KEY);
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(10_000) });
  if (answer.status === 401) throw new Refused();
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `HTTP ${answer.status}`);
  return answer;
}

const list = async (path) => {
  const said = await (await ask(path)).json();
  return said.items ?? said;
};

/** The simulator's address from `?vendor=`, if it is on this machine; nothing else is ever fetched. */
function vendorAddress() {
  const given = new URLSearchParams(location.search).get('vendor');
  if (!given || !URL.canParse(given)) return null;
  const url = new URL(given);
  const local = ['127.0.0.1', 'localhost'].includes(url.hostname);
  return local && url.protocol === 'http:' && !url.username && !url.password ? url : null;
}

const vendor = vendorAddress();

async function vendorState() {
  const answer = await fetch(vendor, { cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

/** Decisions by conversion and status: a status that changes (released, closed) brings a new one. */
const decisions = new Map();
const decisionKey = (row) => `${row.id} ${row.status}`;

async function readDecisions(rows) {
  const unread = rows.filter((row) => !decisions.has(decisionKey(row))).slice(0, DECISIONS_A_TURN);
  await Promise.all(unread.map(async (row) => {
    const detail = await list(`v1/conversions/${encodeURIComponent(row.id)}`);
    decisions.set(decisionKey(row), detail.decision);
  }));
}

/* How things are said */

/** The time of day of today, else the date with it. */
function time(text) {
  const at = new Date(text ?? NaN);
  if (Number.isNaN(at.valueOf())) return null;
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString(undefined, { dateStyle: today ? undefined : 'short', timeStyle: 'medium' });
}

/** As long as the command line shows it: time to the millisecond and 12 random bits. */
const short = (id) => id.slice(0, 18);

/** Business keys are the company's own; one that is an e-mail address is not shown. */
const key = (text) => text?.replace(/[^\s<>()]+@[^\s<>()]*[^\s<>().,:;]/g, '(an e-mail address)');

const partner = (touch) => key(touch.partner) ?? 'a partner whom only the vendor knows';

/** Minor units with the currency's own exponent. */
function money(minor, currency) {
  if (!Number.isInteger(minor) || !/^[a-z]{3}$/i.test(currency ?? '')) return null;
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** What a code means to somebody who asks "why no commission?"; others are told as they are. */
const WHY = {
  no_touch: 'No partner’s link led here.',
  touch_expired: 'Every touch’s window was over.',
  touch_after_conversion: 'Every touch came after it.',
  no_valid_touch: 'No touch was valid.',
  money_unsigned: 'Only the page named the amount: sign the order, or report it from the backend.',
  customer_unsigned: 'Only the page named the customer: the backend must sign or state them.',
  signups_per_visitor: 'This browser has signed up as many customers as the site allows.',
  order_signature_invalid: 'No key in order_keys verifies the order: it is forged, or its key is missing there.',
  order_expired: 'The order’s signature had expired.',
  sale_unknown: 'Its sale is not known yet.',
  refund_above_sale: 'All refunds would sum to more than the sale.',
  rejected_by_hand: 'An operator rejected it.',
  signup_rejected: 'The customer’s signup was rejected: report it again, then this.',
  visitor_invalid: 'The backend’s visitor is not the value of the visitor cookie: send that unchanged.',
};

const OTHERWISE = {
  duplicate: 'Another conversion holds the key; nothing is sent.',
  held: 'A server or an operator must confirm it.',
  rejected: 'Every delivery of it was refused: see there why.',
};

/** Who is credited and over whom, in a sentence. */
function decided(row) {
  const considered = decisions.get(decisionKey(row))?.considered;
  if (!considered) return null;
  const won = considered.filter(({ verdict }) => ['credited', 'inherited'].includes(verdict));
  const lost = considered.filter((one) => !won.includes(one)).map(({ touch }) => partner(touch));
  if (won.length === 0) return 'Nobody is credited.';
  const by = won.some(({ verdict }) => verdict === 'inherited') ? 'by what it follows' : 'by the last touch';
  const over = lost.length ? `, over ${[...new Set(lost)].join(', ')}` : '';
  return `${won.map(({ touch }) => partner(touch)).join(' and ')}, ${by}${over}`;
}

const why = (row) => (row.code ? (WHY[row.code] ?? `${row.code.replaceAll('_', ' ')}.`) : OTHERWISE[row.status]);

/** Where the proxy read a touch: the names of the parameters, since their values stand in the other columns. */
function read({ source, landing_url: url }) {
  if (source === 'cookie') return 'from the vendor’s own cookie';
  const names = URL.canParse(url) ? [...new URL(url).searchParams.keys()] : [];
  return names.length ? `with ${names.join(', ')}` : null;
}

const customerOf = (row) => row.customer_key ?? row.key;
function seen({ deleted, visible }) {
  if (deleted) return 'deleted';
  return visible === false ? 'not visible yet' : 'visible';
}

/** Where the vendor was not asked, or shows none, there is no verdict to be seen; of what never got there, nothing at all. */
function commission({ commission: word, state }) {
  if (word !== 'unknown') return word && { chip: word };
  return state === 'recorded' ? { sub: 'not known' } : null;
}

/* Columns: [name, class, cell of a row]; a cell is nothing, a text, or { main, sub, chip, code, open }. */

const TOUCHES = [
  ['When', 'when', (row) => time(row.at)],
  ['Partner', 'what', (row) => ({ main: partner(row), sub: `program ${row.program}` })],
  ['Click id', 'named', (row) => row.click_id && { main: row.click_id, code: true }],
  ['Landing page', 'long', (row) => ({ main: row.landing_url.split('?')[0], code: true, sub: read(row) })],
];
const CONVERSIONS = [
  ['When', 'when', (row) => time(row.received_at)],
  ['What', 'what', (row) => ({ main: row.kind, sub: key(row.external_id) ?? 'key not readable yet' })],
  ['Status', 'state', (row) => ({ chip: row.status })],
  ['Credit, and why', '', (row) => ({ main: decided(row), sub: why(row) })],
  ['Id', '', (row) => ({ open: row.id })],
];
const DELIVERIES = [
  ['What', 'what', (row) => ({ main: row.kind, sub: key(row.external_id) })],
  ['To', 'named', (row) => ({ main: row.vendor, sub: `program ${row.program}` })],
  ['State', 'state', (row) => ({ chip: row.state })],
  ['Commission', 'named', commission],
  ['Tries', 'named', (row) => ({ main: String(row.attempts), sub: row.due_at && `next ${time(row.due_at)}` })],
  ['Why', 'long', (row) => key(row.reason)],
];
const LANES = [
  ['Program', 'what', (row) => row.program],
  ['State', 'state', (row) => ({ chip: row.state })],
  ['Waiting', 'named', (row) => String(row.waiting)],
  ['Next', 'named', (row) => time(row.next_at)],
  ['Why', 'long', (row) => row.reason],
];
const CUSTOMERS = [
  ['Customer', 'what', (row) => ({ main: key(customerOf(row)), sub: `from ${key(row.partner_key) ?? 'nobody'}` })],
  ['Seen', 'state', (row) => ({ chip: seen(row) })],
];
const TRANSACTIONS = [
  ['Order', 'what', (row) => ({ main: key(row.key), sub: `of ${key(row.customer_key) ?? 'nobody'}` })],
  ['Amount', 'state', (row) => (row.deleted ? { chip: 'deleted' } : money(row.amount, row.currency))],
];

/* Drawing: a row keeps its element for as long as it is there, a cell its content for as long as it says the same. */

const tables = new Map();
/** Sections whose older rows are wanted too. */
const opened = new Set();

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function chip(text) {
  const kind = GOOD.includes(text) ? 'good' : BAD.includes(text) ? 'bad' : 'wait';
  return element('span', `word ${kind}`, text.replaceAll('_', ' '));
}

function opener(id) {
  const button = element('button', 'link', short(id));
  button.type = 'button';
  button.title = `Explain ${id}`;
  button.addEventListener('click', () => explain(id));
  return button;
}

function fill(cell, style, said) {
  const { main, sub, chip: word, code, open } = typeof said === 'object' && said ? said : { main: said };
  const parts = [];
  if (word) parts.push(chip(word));
  if (open) parts.push(opener(open));
  if (main) parts.push(element('span', code ? 'code' : '', main));
  if (sub) parts.push(element('span', 'sub', sub));
  cell.className = parts.length ? style : `${style} none`;
  cell.replaceChildren(...(parts.length ? parts : [document.createTextNode('–')]));
}

function newTable(place, columns) {
  const whole = element('table');
  const head = whole.createTHead().insertRow();
  for (const [name] of columns) {
    const cell = element('th', '', name);
    cell.scope = 'col';
    head.append(cell);
  }
  const older = element('button', 'older');
  older.type = 'button';
  older.addEventListener('click', () => {
    const section = place.parentElement.id;
    if (!opened.delete(section)) opened.add(section);
    older.again();
  });
  place.replaceChildren(whole, older);
  return { body: whole.createTBody(), rows: new Map(), older };
}

/** The button under a section's table: the rest of its rows, or the newest alone. */
function offerOlder(button, section, count, again) {
  button.again = again;
  button.hidden = count <= SHOWN;
  const text = opened.has(section) ? 'Show the newest alone' : `Show ${count - SHOWN} older`;
  if (button.textContent !== text) button.textContent = text;
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

/** Brings a section's rows to what they are now; `calm` where a new row is no news. */
function draw(section, columns, rows, id = (row) => row.id, calm = false) {
  const place = byId(section).querySelector('.rows');
  if (rows.length === 0) {
    tables.set(section, null);
    if (place.textContent !== EMPTY[section]) place.replaceChildren(element('p', 'empty', EMPTY[section]));
    return;
  }
  const isNews = tables.has(section) && !calm;
  const table = tables.get(section) ?? newTable(place, columns);
  tables.set(section, table);
  offerOlder(table.older, section, rows.length, () => draw(section, columns, rows, id, true));
  const gone = new Set(table.rows.keys());
  const shown = opened.has(section) ? rows : rows.slice(0, SHOWN);
  shown.forEach((row, index) => {
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

function tally(section, count) {
  const place = document.querySelector(`#tally a[href="#${section}"] b`);
  const text = count.toLocaleString();
  if (place.textContent !== text) place.textContent = text;
}

const sum = (pairs) => pairs.reduce((total, [, count]) => total + count, 0);

function pulse(state, text) {
  const place = byId('pulse');
  place.className = state;
  if (place.textContent !== text) place.textContent = text;
}

async function explain(id) {
  const dialog = byId('way');
  const tell = (text) => dialog.querySelector('pre').replaceChildren(...text.trimEnd().split('\n').map(indented));
  tell('Reading …');
  dialog.showModal();
  try {
    tell(key(await (await ask(`v1/conversions/${encodeURIComponent(id)}/explain`)).text()));
  } catch (error) {
    tell(`This cannot be told now: ${error.message || 'the admin key was refused'}`);
  }
}

/** A line of a text whose spaces at its beginning hold for what is wrapped of it, too. */
function indented(line) {
  const text = line.trimStart();
  const made = element('span', '', text);
  // On a phone the text needs the room more than the column of times does.
  made.style.paddingInlineStart = `min(${line.length - text.length}ch, 20%)`;
  return made;
}

/* The loop */

/** What an empty section says: what would fill it. */
const EMPTY = {
  touches: 'Nobody has come by a partner’s link yet. Open the site through one: a row appears here within a second.',
  conversions: 'No conversion yet. Sign up on the site, or post one to v1/conversions with an API key.',
  deliveries: 'Nothing to deliver. As soon as a conversion is credited to a program, its delivery shows here.',
  lanes: 'No lane was used yet; the first delivery opens one.',
  customers: 'None yet. One appears once a signup’s delivery has gone out.',
  transactions: 'None yet. A sale that is credited becomes one.',
};
const DOUBLE_HERE = 'What the local double holds.';
const DOUBLE_GONE = 'The double does not answer; this is what it last said. Is `trailmark simulate` running?';

async function drawLedger() {
  const [touches, conversions, deliveries, lanes, counts] = await Promise.all([
    list('v1/touches?limit=50'),
    list('v1/conversions?limit=50'),
    list('v1/deliveries?limit=50&settled=true'),
    list('v1/lanes'),
    list('v1/counts'),
  ]);
  await readDecisions(conversions);
  byId('door').hidden = true;
  byId('ledger').hidden = false;
  tally('touches', counts.touches);
  tally('conversions', sum(counts.conversions));
  tally('deliveries', sum(counts.deliveries));
  draw('touches', TOUCHES, touches);
  draw('conversions', CONVERSIONS, conversions);
  draw('deliveries', DELIVERIES, deliveries);
  draw('lanes', LANES, lanes, (row) => row.program);
}

async function drawVendor() {
  const place = byId('vendor');
  place.hidden = false;
  document.querySelector('#tally a[href="#vendor"]').hidden = false;
  const state = await vendorState().catch(() => null);
  const said = state ? DOUBLE_HERE : DOUBLE_GONE;
  if (byId('vendor-said').textContent !== said) byId('vendor-said').textContent = said;
  if (!state) return;
  const newest = (rows) => [...(rows ?? [])].reverse();
  const customers = newest(state.customers);
  tally('vendor', customers.length + (state.transactions ?? []).length);
  draw('customers', CUSTOMERS, customers, customerOf);
  draw('transactions', TRANSACTIONS, newest(state.transactions), (row) => row.key);
}

async function turn() {
  try {
    await Promise.all([drawLedger(), vendor && drawVendor()]);
    pulse('live', 'Live');
  } catch (error) {
    if (error instanceof Refused) return lock();
    pulse('lost', `The proxy does not answer (${error.message}); asking again`);
  }
  setTimeout(turn, EVERY_MS);
}

function lock() {
  const wrong = sessionStorage.getItem(KEY) !== null;
  sessionStorage.removeItem(KEY);
  byId('ledger').hidden = true;
  byId('door').hidden = false;
  byId('refused').textContent = wrong ? 'That key was refused.' : '';
  pulse('', 'Locked');
  byId('key').focus();
}

byId('door').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId('key').value.trim());
  byId('key').value = '';
  turn();
});
turn();
