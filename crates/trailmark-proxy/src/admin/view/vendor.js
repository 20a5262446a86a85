// Shows beside the ledger what the simulated vendors have. Reads only the address in `?vendor=`, which must be on this
// machine; a ledger with a real vendor does not show this. Knows no vendor: the simulator names its lists.

import { draw, element, say } from './draw.js';
import { masked } from './say.js';

const byId = (id) => document.getElementById(id);

/** The simulator's address from `?vendor=`, if it is on this machine; no other address is fetched. */
function vendorAddress() {
  const given = new URLSearchParams(location.search).get('vendor');
  if (!given || !URL.canParse(given)) return null;
  const url = new URL(given);
  const local = ['127.0.0.1', 'localhost'].includes(url.hostname);
  return local && url.protocol === 'http:' && !url.username && !url.password ? url : null;
}

export const vendor = vendorAddress();

async function held() {
  const answer = await fetch(vendor, { cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const { vendors } = await answer.json();
  return vendors.flatMap(({ title, listings }) => listings.map((one) => ({ name: `${title}: ${one.title.toLowerCase()}`, rows: one.rows })));
}

const of = ({ of: whole, partner }) => [whole && `of ${masked(whole)}`, `by ${masked(partner) ?? 'nobody'}`];

const COLUMNS = [
  ['Key', 'what', (row) => ({ main: masked(row.key), sub: of(row).filter(Boolean).join(', ') })],
  ['State', 'state', ({ money, state }) => (money ? { main: money, sub: state } : { chip: state })],
];

/** Where the list of a name is drawn; made when the first thing is in it. */
const places = new Map();

function placeOf(name) {
  if (!places.has(name)) {
    const rows = element('div', 'rows');
    places.set(name, rows);
    byId('held').append(element('h3', '', name), rows);
  }
  return places.get(name);
}

const HERE = 'Records of the simulator.';
const EMPTY = 'Records of the simulator: none yet. One appears after a conversion was delivered.';
const GONE = 'The simulator does not answer; this is its last answer. Is `trailmark simulate` running?';

/** Draws the records and returns their number; `undefined` while the simulator does not answer. */
export async function drawVendor() {
  byId('vendor').hidden = false;
  document.querySelector('#tally a[href="#vendor"]').hidden = false;
  const lists = await held().catch(() => null);
  const count = lists?.reduce((sum, { rows }) => sum + rows.length, 0);
  say(byId('vendor-said'), lists ? (count ? HERE : EMPTY) : GONE);
  lists?.filter(({ name, rows }) => rows.length > 0 || places.has(name))
    .forEach(({ name, rows }) => draw(placeOf(name), COLUMNS, rows, { id: ({ key }) => key, empty: 'None.' }));
  return count;
}
