// Shows the records of a vendor's simulator beside the ledger. Reads only the address in `?vendor=`, which must be on this
// machine; a ledger with a real vendor does not show this.

import { draw, say } from './draw.js';
import { masked, money } from './say.js';

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

async function state() {
  const answer = await fetch(vendor, { cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

const customerOf = (row) => row.customer_key ?? row.key;

function seen({ deleted, visible }) {
  if (deleted) return 'deleted';
  return visible === false ? 'not visible yet' : 'visible';
}

const CUSTOMERS = [
  ['Customer', 'what', (row) => ({ main: masked(customerOf(row)), sub: `from ${masked(row.partner_key) ?? 'nobody'}` })],
  ['Seen', 'state', (row) => ({ chip: seen(row) })],
];
const TRANSACTIONS = [
  ['Order', 'what', (row) => ({ main: masked(row.key), sub: `of ${masked(row.customer_key) ?? 'nobody'}` })],
  ['Amount', 'state', (row) => (row.deleted ? { chip: 'deleted' } : money(row.amount, row.currency))],
];

const HERE = 'Records of the simulator.';
const GONE = 'The simulator does not answer; this is its last answer. Is `trailmark simulate` running?';

/** Draws the records and returns their number; `undefined` while the simulator does not answer. */
export async function drawVendor() {
  byId('vendor').hidden = false;
  document.querySelector('#tally a[href="#vendor"]').hidden = false;
  const held = await state().catch(() => null);
  say(byId('vendor-said'), held ? HERE : GONE);
  if (!held) return undefined;
  const newest = (rows) => [...(rows ?? [])].reverse();
  const [customers, transactions] = [newest(held.customers), newest(held.transactions)];
  const rows = (place) => byId(place).querySelector('.rows');
  draw(rows('customers'), CUSTOMERS, customers, {
    id: customerOf,
    empty: 'None yet. One appears after a signup was delivered.',
  });
  draw(rows('transactions'), TRANSACTIONS, transactions, {
    id: (row) => row.key,
    empty: 'None yet. One appears after a credited sale was delivered.',
  });
  return customers.length + transactions.length;
}
