// The ledger view: asks v1 once a second and draws what changed. Shows no e-mail address and never writes HTML from data;
// everything goes in as text. It changes nothing in the ledger: changes are made with `trailmark outbox`.
'use strict';

const EVERY_MS = 1000;
const KEY = 'trailmark-admin-key';
const GOOD = ['accepted', 'recorded', 'open', 'visible', 'not_needed'];
const BAD = ['rejected', 'dead', 'conflict', 'paused', 'broken', 'dropped', 'unsupported'];

const byId = (id) => document.getElementById(id);
const drawn = new Map();
const known = new Map();

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

const list = async (path) => (await ask(path)).json();

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

/* How things are said */

const time = (text) => {
  const at = typeof text === 'number' ? new Date(text) : new Date(text ?? NaN);
  return Number.isNaN(at.valueOf()) ? null : at.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
};
/** As long as the command line shows it: time to the millisecond and 12 random bits. */
const short = (id) => id.slice(0, 18);
/** Business keys are the company's own; one that is an e-mail address is not shown. */
const key = (text) => text?.replace(/[^\s<>()]+@[^\s<>()]*[^\s<>().,:;]/g, '(an e-mail address)');

const plain = (text) => document.createTextNode(text);
function word(text) {
  const kind = GOOD.includes(text) ? 'good' : BAD.includes(text) ? 'bad' : 'wait';
  const chip = document.createElement('span');
  chip.className = `word ${kind}`;
  chip.textContent = text.replaceAll('_', ' ');
  return chip;
}
function words(texts) {
  const all = document.createElement('span');
  texts.forEach((text, index) => all.append(...(index ? [' '] : []), word(text)));
  return all;
}
function opener(id) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'link';
  button.textContent = short(id);
  button.title = `Explain ${id}`;
  button.addEventListener('click', () => explain(id));
  return button;
}

/* Columns: [name, class, cell of a row]; a cell is text, a node or nothing. */

const TOUCHES = [
  ['When', 'time', (row) => time(row.at)],
  ['Program', '', (row) => row.program],
  ['Partner', '', (row) => key(row.partner)],
  ['Click id', 'code', (row) => row.click_id],
  ['From', '', (row) => row.source],
  ['Landing', 'long', (row) => row.landing_url],
];
const CONVERSIONS = [
  ['When', 'time', (row) => time(row.received_at)],
  ['Id', '', (row) => opener(row.id)],
  ['Kind', '', (row) => row.kind],
  ['Key', '', (row) => key(row.external_id)],
  ['Status', '', (row) => word(row.status)],
  ['Why', '', (row) => row.code],
  ['Programs', '', (row) => row.programs.join(', ')],
  ['Deliveries', '', (row) => (row.deliveries.length ? words(row.deliveries) : null)],
];
const DELIVERIES = [
  ['Id', '', (row) => opener(row.conversion)],
  ['Kind', '', (row) => row.kind],
  ['Key', '', (row) => key(row.external_id)],
  ['Program', '', (row) => `${row.program} (${row.vendor})`],
  ['State', '', (row) => word(row.state)],
  ['Attempts', '', (row) => String(row.attempts)],
  ['Next', 'time', (row) => time(row.due_at)],
  ['Why', '', (row) => row.reason],
  ['Vendor’s name', 'code', (row) => key(row.reference)],
];
const LANES = [
  ['Program', '', (row) => row.program],
  ['State', '', (row) => word(row.state)],
  ['Waiting', '', (row) => String(row.waiting)],
  ['Next', 'time', (row) => time(row.next_at)],
  ['Why', '', (row) => row.reason],
];
const CUSTOMERS = [
  ['Since', 'time', (row) => time(row.created_at)],
  ['Customer', '', (row) => key(row.customer_key ?? row.key)],
  ['Partner', '', (row) => key(row.partner_key)],
  ['Click id', 'code', (row) => row.xid],
  ['Seen', '', (row) => word(row.visible === false ? 'not yet' : 'visible')],
];

/* Drawing */

function table(columns, rows, id, fresh) {
  const whole = document.createElement('table');
  const head = whole.createTHead().insertRow();
  for (const [name] of columns) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    cell.textContent = name;
    head.append(cell);
  }
  const body = whole.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    if (fresh(id(row))) line.className = 'fresh';
    for (const [name, style, of] of columns) {
      const content = of(row);
      const cell = line.insertCell();
      cell.dataset.name = name;
      cell.className = content ? style : 'none';
      cell.append(content instanceof Node ? content : plain(content || '–'));
    }
  }
  return whole;
}

/** Draws a section's rows, only when they differ from what is there: a focused button keeps its focus. */
function draw(section, columns, rows, empty, id = (row) => row.id) {
  const now = JSON.stringify(rows);
  if (drawn.get(section) === now) return;
  const before = known.get(section);
  drawn.set(section, now);
  known.set(section, new Set(rows.map(id)));
  const place = byId(section);
  place.querySelector('output').textContent = rows.length ? String(rows.length) : '';
  const nothing = Object.assign(document.createElement('p'), { className: 'empty', textContent: empty });
  const fresh = (name) => Boolean(before) && !before.has(name);
  place.querySelector('.rows').replaceChildren(rows.length ? table(columns, rows, id, fresh) : nothing);
}

function pulse(state, text) {
  const place = byId('pulse');
  place.className = state;
  if (place.textContent !== text) place.textContent = text;
}

async function explain(id) {
  const dialog = byId('way');
  const text = dialog.querySelector('pre');
  text.textContent = 'Reading…';
  dialog.showModal();
  try {
    text.textContent = key(await (await ask(`v1/conversions/${encodeURIComponent(id)}/explain`)).text());
  } catch (error) {
    text.textContent = `This cannot be told now: ${error.message || 'the admin key was refused'}`;
  }
}

/* The loop */

async function drawLedger() {
  const [touches, conversions, deliveries, lanes] = await Promise.all([
    list('v1/touches?limit=50'),
    list('v1/conversions?limit=50'),
    list('v1/deliveries?limit=50&settled=true'),
    list('v1/lanes'),
  ]);
  byId('door').hidden = true;
  byId('ledger').hidden = false;
  draw('touches', TOUCHES, touches, 'Nobody has come by a partner’s link yet.');
  draw('conversions', CONVERSIONS, conversions, 'No conversion yet.');
  draw('deliveries', DELIVERIES, deliveries, 'Nothing to deliver yet.');
  draw('lanes', LANES, lanes, 'No lane was used yet.', (row) => row.program);
}

async function drawVendor() {
  const place = byId('vendor');
  place.hidden = false;
  const state = await vendorState().catch(() => null);
  const said = state ? 'What the local double of the vendor holds.' : 'The double does not answer.';
  place.querySelector('.lead').textContent = said;
  if (!state) return;
  const customers = [...(state.customers ?? [])].reverse();
  draw('vendor', CUSTOMERS, customers, 'The vendor has no customer yet.', (row) => row.customer_key ?? row.key);
}

async function turn() {
  try {
    await drawLedger();
    if (vendor) await drawVendor();
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
