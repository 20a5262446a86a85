// The ledger view: reads v1 once a second and shows the ledger, troubles first. The search is in the page's address, except
// an e-mail address, so that it can be bookmarked and shared. Changes nothing in the ledger: use `trailmark outbox`,
// `trailmark lanes` and `trailmark conversions`.

import { HOME, Problem, Refused, ask, lock, read, unlock } from './ask.js';
import { draw, element, link, say, sentence } from './draw.js';
import { counted, masked, money, short, time, toned } from './say.js';
import { Adding } from './sums.js';
import { drawVendor, vendor } from './vendor.js';

const EVERY_MS = 1000;
/** Rows of a section by default, so that all sections stay in sight; and rows of a page. */
const FEW = 8;
const MANY = 50;
/** Longest time for a download. */
const LONG_MS = 10 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

const byId = (id) => document.getElementById(id);
const rowsOf = (section) => byId(section).querySelector('.rows');

/* The search */

const FIELDS = ['q', 'status', 'time', 'from', 'to'];
const fields = byId('search').elements;

/** The form's values, and the state of deliveries that a trouble links to. */
let wanted = {};

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of FIELDS) fields[name].value = given.get(name) ?? '';
  // An unknown value leaves the list empty.
  for (const name of ['status', 'time']) fields[name].value ||= '';
  readForm(given.get('delivery') ?? '');
}

function readForm(delivery) {
  wanted = Object.fromEntries(FIELDS.map((name) => [name, fields[name].value.trim()]));
  wanted.delivery = delivery;
  for (const place of document.querySelectorAll('#search .days')) place.hidden = wanted.time !== 'days';
}

/** Keeps the search in the page's address, without an e-mail address, because URLs are stored and shared. */
function writeAddress() {
  const query = new URLSearchParams(location.search);
  const { time: chosen } = wanted;
  const kept = { ...wanted, q: wanted.q.includes('@') ? '' : wanted.q };
  if (chosen !== 'days') kept.from = kept.to = '';
  for (const [name, value] of Object.entries(kept)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.replaceState(null, '', `${location.pathname}${query.size ? `?${query}` : ''}${location.hash}`);
}

/** The beginning of the day `after` days later, in this browser's time zone. */
function startOfDay(text, after) {
  const [year, month, day] = text.split('-').map(Number);
  return new Date(year, month - 1, day + after).toISOString();
}

/** The chosen time as `since` and `until` of the API. */
function chosenTime() {
  const { time: chosen, from, to } = wanted;
  if (chosen === 'days') {
    return { ...(from && { since: startOfDay(from, 0) }), ...(to && { until: startOfDay(to, 1) }) };
  }
  const days = Number.parseInt(chosen, 10);
  return days ? { since: new Date(Date.now() - days * DAY_MS).toISOString() } : {};
}

const query = (parameters) => {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return new URLSearchParams(given).toString();
};

const isNarrowed = () => Boolean(wanted.q || wanted.status);

/* Pages of a list */

/** Which part of a section's list is shown: the newest few rows, or a page. */
class Pages {
  isOpen = false;
  /** The cursors of the earlier pages and of this one; the newest page's is empty. */
  cursors = [''];
  next = null;
  count = 0;
  isCalm = true;

  get cursor() {
    return this.cursors.at(-1);
  }

  get limit() {
    return this.isOpen ? MANY : FEW;
  }

  reset(isOpen) {
    Object.assign(this, { isOpen, cursors: [''], next: null, isCalm: true });
  }
}

const pages = { conversions: new Pages(), deliveries: new Pages(), touches: new Pages() };

/** The buttons under a list: name, when shown, action. A button keeps its element, and so its focus. */
const TURNS = [
  ['Show more', (at) => !at.isOpen && at.next, (at) => at.reset(true)],
  ['Newest', (at) => at.cursors.length > 2, (at) => at.reset(true)],
  ['Newer', (at) => at.cursors.length > 1, (at) => at.cursors.pop()],
  ['Older', (at) => at.isOpen && at.next, (at) => at.cursors.push(at.next)],
  ['Show the newest only', (at) => at.isOpen && at.cursors.length === 1 && at.count > FEW, (at) => at.reset(false)],
];

function offerPages(section) {
  const at = pages[section];
  const place = byId(section).querySelector('.pages');
  if (!place.firstChild) {
    place.append(element('span', 'page'));
    for (const [name, , turnTo] of TURNS) {
      const button = element('button', '', name);
      button.type = 'button';
      button.addEventListener('click', () => {
        turnTo(at);
        at.isCalm = true;
        again();
      });
      place.append(button);
    }
  }
  const [said, ...buttons] = place.children;
  const page = at.cursors.length;
  say(said, page > 1 || (at.isOpen && at.next) ? `Page ${page}${at.next ? '' : ', the last'}` : '');
  TURNS.forEach(([, isOffered], index) => (buttons[index].hidden = !isOffered(at)));
  // A hidden button passes its focus on.
  if (document.activeElement?.hidden && place.contains(document.activeElement)) buttons.find(({ hidden }) => !hidden)?.focus();
}

async function drawList(section, columns, { items, next }) {
  const at = pages[section];
  Object.assign(at, { next, count: items.length });
  draw(rowsOf(section), columns, items, { empty: isNarrowed() || wanted.time ? NONE : EMPTY[section], calm: at.isCalm });
  at.isCalm = at.cursors.length > 1;
  offerPages(section);
}

/* Columns: [name, class, cell of a row]. */

const partner = (touch) => masked(touch.partner) ?? (touch.unusable ? 'nobody' : 'a partner known only to the vendor');

/** Why a touch names no partner. */
const UNUSABLE = {
  characters: 'its key has characters that no vendor uses',
  email: 'it has an e-mail address instead of a key',
  too_long: 'its key is longer than any vendor’s',
};

/** Where the proxy read a touch: the names of the parameters; other columns have their values. */
function readFrom({ source, landing_url: url }) {
  if (source === 'cookie') return 'from the vendor’s own cookie';
  const names = URL.canParse(url) ? [...new URL(url).searchParams.keys()] : [];
  return names.length ? `with ${names.join(', ')}` : null;
}

/** State and amount of the commission as the vendor tells them; nothing for an unrecorded delivery. */
function commission({ commission: word, commission_amount: amount, state }) {
  const sub = amount && money(amount.amount_minor, amount.currency);
  if (word !== 'unknown') return word && { chip: word, sub };
  return state === 'recorded' ? { sub: 'not known' } : null;
}

function amount({ kind, amount: given }) {
  if (!given) return null;
  return money(kind === 'refund' ? -given.amount_minor : given.amount_minor, given.currency);
}

const CONVERSIONS = [
  ['When', 'when', (row) => time(row.received_at)],
  ['What', 'what', (row) => ({ main: row.kind, sub: masked(row.external_id) ?? 'key not readable yet', open: historyOf(row.id) })],
  ['Amount', 'named money', amount],
  ['Status', 'state', (row) => ({ chip: row.status, tone: row.answer.tone })],
  ['Why', 'why', (row) => ({ main: masked(row.answer.headline), sub: masked(row.answer.reason) })],
  ['Credited', 'named wraps', (row) => masked(row.credited)],
];
const DELIVERIES = [
  ['What', 'what', (row) => ({ main: row.kind, sub: masked(row.external_id) })],
  ['To', 'named', (row) => ({ main: row.vendor, sub: `program ${row.program}` })],
  ['State', 'state', (row) => ({ chip: row.state })],
  ['Commission', 'named', commission],
  ['Tries', 'named', (row) => ({ main: String(row.attempts), sub: row.due_at && `next ${time(row.due_at)}` })],
  ['Why', 'long', (row) => masked(row.reason)],
];
const TOUCHES = [
  ['When', 'when', (row) => time(row.at)],
  ['Partner', 'what', (row) => ({ main: partner(row), sub: UNUSABLE[row.unusable] ?? `program ${row.program}` })],
  ['Click id', 'named wraps', (row) => row.click_id && { main: masked(row.click_id), code: true }],
  ['Landing page', 'long', (row) => ({ main: masked(row.landing_url.split('?')[0]), code: true, sub: readFrom(row) })],
];
const LANES = [
  ['Program', 'what', (row) => row.program],
  ['State', 'state', (row) => ({ chip: row.state })],
  ['Waiting', 'named', (row) => String(row.waiting)],
  ['Next', 'named', (row) => time(row.next_at)],
  ['Why', 'long', (row) => masked(row.reason)],
];

/** The link to the page of a conversion. */
function historyOf(id) {
  const { href } = new URL(`ledger/conversions/${encodeURIComponent(id)}`, HOME);
  return { href, text: short(id), title: `The history of ${id}` };
}

/** Texts of empty sections: what would fill them. */
const EMPTY = {
  touches: 'No visit through a partner’s link yet. Open the site through one: a row appears here within a second.',
  conversions: 'No conversion yet. Sign up on the site, or post one to v1/conversions with an API key.',
  deliveries: 'No delivery yet. One appears when a conversion is credited to a program.',
  lanes: 'No lane was used yet. The first delivery creates one.',
};
const NONE = 'Nothing matches.';

/* Sums */

const SUMS = [
  ['Partner', 'what', (row) => ({ main: summedPartner(row), sub: row.program ? `program ${row.program}` : null })],
  ['Sales', 'named money', (row) => ({ main: money(row.sales_minor, row.currency), sub: counted(row.sales, 'sale') })],
  ['Refunds', 'named money', (row) => row.refunds > 0 && { main: money(-row.refunds_minor, row.currency), sub: counted(row.refunds, 'refund') }],
  ['At the vendor', 'named money', atVendor],
  ['Commission', 'named money', commissions],
];

function summedPartner(row) {
  if (row.program === null) return 'nobody';
  return masked(row.partner) ?? 'a partner known only to the vendor';
}

/** Sales minus refunds that the vendor has, and the sum that is stopped before it. */
function atVendor({ program, currency, recorded_minor: recorded, stopped_minor: stopped }) {
  if (program === null) return null;
  const sub = BigInt(stopped) !== 0n && `${money(stopped, currency)} stopped`;
  return { main: money(recorded, currency), sub };
}

function commissions({ currency, pending_minor: pending, approved_minor: approved, paid_minor: paid }) {
  const parts = [[paid, 'paid'], [approved, 'approved'], [pending, 'pending']].filter(([minor]) => BigInt(minor) !== 0n);
  if (parts.length === 0) return null;
  const sum = parts.reduce((whole, [minor]) => whole + BigInt(minor), 0n);
  return { main: money(sum, currency), sub: parts.map(([minor, word]) => `${money(minor, currency)} ${word}`).join(', ') };
}

const adding = new Adding((cursor, times) => read(`v1/sums?${query({ ...times, cursor })}`), drawSums);

function drawSums({ rows, conversions, reachesBackTo, isWhole, isPaused }) {
  const named = wanted.delivery || isNarrowed();
  byId('sums').hidden = Boolean(named) || rows.length === 0;
  const of = counted(conversions, 'conversion');
  const back = reachesBackTo && !isWhole ? `, the newest, back to ${time(reachesBackTo)}; there are more` : '';
  say(byId('summed'), `${wanted.time ? 'In the chosen time' : 'Of all time'}: ${of}${back}.`);
  byId('sum-on').hidden = !isPaused;
  const id = (row) => JSON.stringify([row.site, row.program, row.partner, row.currency]);
  draw(rowsOf('sums'), SUMS, rows, { id });
}

/* Troubles and totals */

function drawTroubles(troubles) {
  const place = byId('trouble');
  place.hidden = troubles.length === 0;
  const said = JSON.stringify(troubles);
  if (place.said !== said) {
    place.said = said;
    place.querySelector('ul').replaceChildren(...troubles.map(troubleLine));
  }
  // The dot has the worst state; the number is that of the lines below, whatever their states.
  const count = troubles.length;
  const isBad = troubles.some(({ tone }) => tone === 'bad');
  if (isBad) return pulse('bad', `Live · ${count === 1 ? '1 thing needs' : `${count} things need`} you`);
  if (count > 0) return pulse('wait', `Live · ${count === 1 ? '1 thing waits' : `${count} things wait`}`);
  return pulse('good', 'Live · all is well');
}

function troubleLine({ tone, headline, cure, list }) {
  const line = element('li', toned(tone), sentence('strong', '', masked(headline)));
  if (cure) line.append(' ', sentence('span', 'cure', masked(cure)));
  if (list) {
    const [section, state] = Object.entries(list)[0];
    const name = section === 'deliveries' ? 'delivery' : 'status';
    const given = new URLSearchParams(location.search);
    for (const field of [...FIELDS, 'delivery']) given.delete(field);
    given.set(name, state);
    line.append(' ', link(`?${given}#${section}`, '', 'Show them'));
  }
  return line;
}

function tally(section, count) {
  say(document.querySelector(`#tally a[href="#${section}"] b`), count.toLocaleString());
}

const sum = (pairs) => pairs.reduce((total, [, count]) => total + count, 0);

function pulse(state, text) {
  const place = byId('pulse');
  if (place.className !== state) place.className = state;
  say(place, text);
}

/** Shows the sections that match the search. */
function showSections() {
  const only = wanted.delivery ? 'deliveries' : isNarrowed() ? 'conversions' : null;
  for (const section of ['conversions', 'deliveries', 'touches', 'lanes']) {
    byId(section).hidden = only !== null && section !== only;
  }
  byId('export').hidden = Boolean(wanted.delivery);
  const [what, word] = wanted.delivery ? ['deliveries', wanted.delivery] : ['conversions', ''];
  searched(only ? `Shows only ${[word.replaceAll('_', ' '), what].filter(Boolean).join(' ')}. Clear shows everything.` : '');
}

/** Shows what the search shows, or why it fails. */
function searched(text) {
  const said = sentence('span', '', masked(text));
  if (byId('searched').textContent !== said.textContent) byId('searched').replaceChildren(...said.childNodes);
}

/** Requests conversions by POST, because an e-mail address must not be in a URL. */
const conversionsOf = (wanted, options) => {
  const given = Object.entries(wanted).filter(([, value]) => value);
  return ask('v1/conversions/search', { body: Object.fromEntries(given), ...options });
};

async function drawLedger() {
  const { q, status, delivery } = wanted;
  const times = chosenTime();
  const page = (section, more = {}) => {
    const { limit, cursor } = pages[section];
    return { limit, cursor, ...times, ...more };
  };
  const asked = wanted;
  const [conversions, deliveries, touches, lanes, counts, troubles] = await Promise.all([
    conversionsOf(page('conversions', { q, status })).then((answer) => answer.json()),
    read(`v1/deliveries?${query(page('deliveries', delivery ? { state: delivery } : { settled: 'true' }))}`),
    read(`v1/touches?${query(page('touches'))}`),
    read('v1/lanes'),
    read('v1/counts'),
    read('v1/troubles'),
  ]);
  // Drawn together with the first sums, so that the sums do not move the lists.
  await adding.turn(times);
  unlock();
  // If the search changed meanwhile, the next turn answers it.
  if (asked !== wanted) return;
  tally('conversions', sum(counts.conversions));
  tally('deliveries', sum(counts.deliveries));
  tally('touches', counts.touches);
  drawList('conversions', CONVERSIONS, conversions);
  drawList('deliveries', DELIVERIES, deliveries);
  drawList('touches', TOUCHES, touches);
  draw(rowsOf('lanes'), LANES, lanes, { id: (row) => row.program, empty: EMPTY.lanes });
  showSections();
  drawTroubles(troubles);
}

/* The loop */

let timer = null;
let isAsking = false;
let isWanted = false;

async function turn() {
  clearTimeout(timer);
  isAsking = true;
  isWanted = false;
  try {
    const [, count] = await Promise.all([drawLedger(), vendor && drawVendor()]);
    if (count !== undefined && vendor) tally('vendor', count);
  } catch (error) {
    if (error instanceof Refused) {
      isAsking = false;
      pulse('', 'Locked');
      return lock(turn);
    }
    // The search is invalid: the message tells the cure.
    if (error instanceof Problem && error.status === 400) searched(error.message);
    else pulse('lost', `The proxy does not answer (${masked(error.message)}); trying again`);
  }
  isAsking = false;
  timer = setTimeout(turn, isWanted ? 0 : EVERY_MS);
}

/** Reads again at once, or after the running requests. */
function again() {
  isWanted = true;
  if (!isAsking) turn();
}

function look(delivery) {
  readForm(delivery);
  writeAddress();
  const isOpen = isNarrowed() || Boolean(delivery);
  for (const at of Object.values(pages)) at.reset(isOpen);
  adding.reset();
  again();
}

/** Downloads all pages of the conversions' list as CSV. */
async function download() {
  const { q, status } = wanted;
  const button = byId('export');
  button.disabled = true;
  try {
    const answer = await conversionsOf({ q, status, ...chosenTime() }, { accept: 'text/csv', patienceMs: LONG_MS });
    const saved = link(URL.createObjectURL(await answer.blob()), '', '');
    saved.download = 'trailmark-conversions.csv';
    saved.click();
    URL.revokeObjectURL(saved.href);
  } catch (error) {
    searched(`The download failed: ${error.message || 'the listener refused the admin key'}`);
  }
  button.disabled = false;
}

byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  look('');
});
byId('time').addEventListener('change', () => readForm(wanted.delivery));
byId('clear').addEventListener('click', () => {
  byId('search').reset();
  look('');
});
byId('export').addEventListener('click', download);
byId('sum-on').addEventListener('click', () => adding.goOn(chosenTime()));
readAddress();
look(wanted.delivery);
