// The strip at the foot of the shop: tells in plain words what Trailmark did on this visit, one sentence for the
// arrival, the signup, the order and the commission. It only reads what the calls of the SDK gave, and what the
// simulated vendors have; the ledger view tells the rest. It knows no vendor: names and words are the simulator's.

import { choice, isPrivate } from './consent.js';
import { neighbours } from './neighbours.js';

/** How often the touch is asked for before the strip says that there is none. */
const PATIENCE_MS = [0, 300, 900];

/** How often a visitor by a partner's link is asked for afterwards: page and proxy may take longer than calls of the SDK wait. */
const LATER_MS = Array(30).fill(2_000);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Puts a sentence into a step; `state` is `done`, `held`, `none` or `waiting`. */
function tell(step, state, text) {
  const place = document.querySelector(`[data-step="${step}"]`);
  place.dataset.state = state;
  place.querySelector('span').textContent = text;
}

async function touched(pauses) {
  for (const ms of pauses) {
    await pause(ms);
    const touch = await trailmark.touch();
    if (touch || choice() !== 'granted') return touch;
  }
  return null;
}

const day = (text) => new Date(text).toLocaleDateString('en', { day: 'numeric', month: 'long', year: 'numeric' });

/** Whether the arrival's address has a parameter of a partner's link; routes that are changed later do not count. */
async function cameByLink() {
  const came = [...new URLSearchParams(location.search).keys()];
  if (came.length === 0) return false;
  const carried = (await vendors()).flatMap(({ link_params: names }) => names);
  return came.some((name) => carried.includes(name));
}

const byLink = cameByLink();

byLink.then((is) => document.documentElement.toggleAttribute('data-by-link', is));

function tellTouch({ partner, program, expiresAt }) {
  const who = partner ?? 'A partner known only to the vendor';
  tell('arrival', 'done', `${who} brought you, in program ${program}. Good until ${day(expiresAt)}.`);
}

/** Says what is known of how the visitor came. */
export async function tellArrival() {
  const [{ attributed, mode }, isByLink] = await Promise.all([trailmark.ready, byLink]);
  const isOff = mode === 'off';
  const touch = attributed || choice() === 'granted' ? await touched(isOff ? [0] : PATIENCE_MS) : null;
  if (touch) return tellTouch(touch);
  const untold = {
    private: 'Your browser asks for privacy: for all Trailmark knows, no partner brought you here.',
    granted: 'Trailmark looked: no partner brought you here. Nothing is kept.',
    denied: 'You declined: for all Trailmark knows, no partner brought you here. Nothing is kept.',
    pending: isByLink
      ? 'You came by a partner’s link. Trailmark tells nobody yet: it waits for your answer about privacy.'
      : 'Trailmark waits for your answer about privacy before it asks who brought you.',
  };
  if (isOff) tell('arrival', 'none', 'Trailmark did not load. The shop goes on without it.');
  else tell('arrival', choice() === 'pending' ? 'held' : 'none', untold[isPrivate() ? 'private' : choice()]);
  const late = isByLink && choice() === 'granted' && (await touched(LATER_MS));
  if (late) tellTouch(late);
}

const SAID = {
  accepted: (who) => `Accepted: the ledger credits ${who}.`,
  duplicate: () => 'Counted before; nobody is credited twice.',
  held: () => 'Held: somebody has to look at it first.',
  unattributed: () => 'No partner brought you, so nobody is credited.',
  rejected: () => 'Refused: nobody is credited.',
  queued: () => 'Kept on this device, and sent from the next page at the latest.',
  ignored: () => 'Not reported: you declined.',
};

const FAILED = {
  consent_pending: 'Not reported: Trailmark waits for your answer about privacy.',
  not_available: 'Not reported: this version of the browser module cannot do that yet.',
};

/** What a result of the SDK means to a visitor. */
export function said({ status, code, attribution }) {
  const partners = attribution?.map(({ partner, program }) => partner ?? `a partner of ${program}`);
  const who = partners?.join(' and ') || 'the partner';
  return SAID[status]?.(who) ?? FAILED[code] ?? 'Not reported: the proxy could not be reached.';
}

const UNDER_WAY = 'On its way since you agreed; the ledger tells what became of it.';

/** Steps that were called before the visitor had answered. */
const waiting = new Set();

const STATES = { accepted: 'done', queued: 'held', held: 'held' };

/** Says what became of a conversion: `step` is `signup` or `order`. */
export function tellResult(step, result) {
  const waits = result.code === 'consent_pending';
  if (waits) waiting.add(step);
  tell(step, waits ? 'held' : (STATES[result.status] ?? 'none'), said(result));
}

/** Says what an answer about privacy means for what waited for it: the SDK sends it now, or forgets it. */
export function tellWaiting() {
  if (choice() === 'pending') return;
  const [state, text] = choice() === 'granted' ? ['held', UNDER_WAY] : ['none', said({ status: 'ignored' })];
  waiting.forEach((step) => tell(step, state, text));
  const card = document.querySelector('[data-said]');
  if (waiting.size > 0 && card) card.textContent = text;
  waiting.clear();
}

/** How often the simulator is asked, and how long between: the proxy delivers after its answer. */
const LOOKS = 60;
const LOOK_MS = 500;

/** `29.00 EUR` as people write it. */
function money(text) {
  const [amount, currency] = text.split(' ');
  return new Intl.NumberFormat('en', { style: 'currency', currency }).format(amount);
}

/** What each vendor has; nothing where no simulator answers. */
async function vendors() {
  const { simulator } = await neighbours;
  const answer = simulator && (await fetch(`${simulator}/control/listings`).catch(() => null));
  return answer?.ok ? (await answer.json()).vendors : [];
}

/** The first thing of any vendor that `fits`, with the vendor's name and its word for such a thing. */
async function found(fits) {
  const { simulator } = await neighbours;
  for (let look = 0; simulator && look < LOOKS; look += 1) {
    for (const { title: vendor, listings } of await vendors()) {
      for (const { title, rows } of listings) {
        const row = rows.find(fits);
        if (row) return { ...row, vendor, thing: title.toLowerCase().replace(/s$/, '') };
      }
    }
    await pause(LOOK_MS);
  }
  return null;
}

/** Whether a vendor's text is one of the keys, alone or behind site, program and kind, as in `SITE/PROGRAM/sale/o-1`. */
const names = (text, keys) => keys.some((key) => text === key || text?.endsWith(`/${key}`));

const NOT_YET = 'Not yet at the partner platform.';

/**
 * Says what the vendor has of a conversion, which has one of `keys` there; for an order the commission, too. A vendor
 * without orders has the commission alone.
 */
export async function tellVendor(step, keys, result) {
  const isOrder = step === 'order';
  if (result.status !== 'accepted' && result.status !== 'queued') {
    if (isOrder) tell('commission', 'none', 'None: the order was not credited.');
    return;
  }
  if (isOrder) tell('commission', 'held', 'The order is on its way to the partner platform …');
  const thing = await found(({ key, of }) => names(key, keys) || names(of, keys));
  if (thing) {
    const { vendor, thing: what, money: sum, partner } = thing;
    const amount = sum ? ` of ${money(sum)}` : '';
    tell(step, partner ? 'done' : 'none', `${vendor} has the ${what}${amount}, brought by ${partner ?? 'nobody'}.`);
  }
  if (!isOrder) return;
  const earned = thing && (await found(({ of }) => names(of, keys)));
  const text = earned && `${earned.partner} earns ${money(earned.money)}: “${earned.state}” at ${earned.vendor}.`;
  tell('commission', earned ? 'done' : 'held', text || NOT_YET);
  return linkLedger(result);
}

/** Adds a link to the order in the ledger view. */
async function linkLedger({ conversionId }) {
  const { ledger } = await neighbours;
  if (!ledger || !conversionId) return;
  const href = new URL(`/ledger/conversions/${conversionId}`, ledger).href;
  const link = Object.assign(document.createElement('a'), { href, target: '_blank', rel: 'noopener' });
  link.textContent = 'See this order in the ledger';
  document.querySelector('[data-step="commission"] span').append(' ', link);
}
