// The strip at the foot of the shop: tells in plain words what Trailmark did on this visit, one sentence for the
// arrival, the signup, the order and the commission. It only reads what the calls of the SDK gave and, for the
// commission, what the simulator holds; the ledger view tells the rest.

import { choice, isPrivate } from './consent.js';
import { neighbours } from './neighbours.js';

/** How often the touch is asked for after an answer: the proxy may take longer than a call of the SDK waits. */
const PATIENCE_MS = [0, 300, 900];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Puts a sentence into a step; `state` is `done`, `held`, `none` or `waiting`. */
function tell(step, state, text) {
  const place = document.querySelector(`[data-step="${step}"]`);
  place.dataset.state = state;
  place.querySelector('span').textContent = text;
}

async function touched() {
  for (const ms of PATIENCE_MS) {
    await pause(ms);
    const touch = await trailmark.touch();
    if (touch || choice() !== 'granted') return touch;
  }
  return null;
}

const day = (text) => new Date(text).toLocaleDateString('en', { day: 'numeric', month: 'long', year: 'numeric' });

/** Whether the arrival's address held a parameter of PartnerStack's; routes that are changed later do not count. */
const byLink = [...new URLSearchParams(location.search).keys()].some((name) => name.startsWith('ps_'));

if (byLink) document.documentElement.dataset.byLink = '';

/** Says what is known of how the visitor came. */
export async function tellArrival() {
  const { attributed, mode } = await trailmark.ready;
  if (mode === 'off') return tell('arrival', 'none', 'Trailmark did not load. The shop goes on without it.');
  const touch = attributed || choice() === 'granted' ? await touched() : null;
  if (touch) {
    const who = touch.partner ?? 'A partner known only to the vendor';
    const until = day(touch.expiresAt);
    return tell('arrival', 'done', `${who} brought you, in program ${touch.program}. Good until ${until}.`);
  }
  const untold = {
    private: 'Your browser asks for privacy: for all Trailmark knows, no partner brought you here.',
    granted: 'Trailmark looked: no partner brought you here. Nothing is kept.',
    denied: 'You declined: for all Trailmark knows, no partner brought you here. Nothing is kept.',
    pending: byLink
      ? 'You came by a partner’s link. Trailmark tells nobody yet: it waits for your answer about privacy.'
      : 'Trailmark waits for your answer about privacy before it asks who brought you.',
  };
  tell('arrival', choice() === 'pending' ? 'held' : 'none', untold[isPrivate() ? 'private' : choice()]);
}

const SAID = {
  accepted: (who) => `Accepted: ${who} will be credited.`,
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
  const who = attribution?.map(({ partner, program }) => partner ?? program).join(' and ') || 'the partner';
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

/** How often the simulator is asked for the commission, and how long between: the proxy delivers after its answer. */
const LOOKS = 40;
const LOOK_MS = 500;

const money = (minor, currency) =>
  new Intl.NumberFormat('en', { style: 'currency', currency: currency.toUpperCase() }).format(minor / 100);

/** The address of a conversion in the ledger view. */
async function inLedger(conversionId) {
  const { ledger } = await neighbours;
  return ledger && conversionId && new URL(`/ledger/conversions/${conversionId}`, ledger).href;
}

/** Says what the partner earns by the order `key`, once the vendor knows, with a link to the order in the ledger. */
export async function tellCommission(key, { status, conversionId }) {
  if (status !== 'accepted' && status !== 'queued') return tell('commission', 'none', 'None: the order was not credited.');
  tell('commission', 'held', 'The order is on its way to the partner platform …');
  const { simulator } = await neighbours;
  const reward = await rewardFor(key, simulator);
  const partner = reward?.partnership?.partner_key ?? 'The partner';
  const text = reward ? `${partner} earns ${money(reward.amount, reward.currency)}. ` : 'Not yet at the partner platform. ';
  tell('commission', reward ? 'done' : 'held', text);
  const href = await inLedger(conversionId);
  if (!href) return;
  const link = Object.assign(document.createElement('a'), { href, target: '_blank', rel: 'noopener' });
  link.textContent = 'See this order in the ledger';
  document.querySelector('[data-step="commission"] span').append(link);
}

async function rewardFor(key, simulator) {
  for (let look = 0; simulator && look < LOOKS; look += 1) {
    const state = await fetch(`${simulator}/control/state/partnerstack`).then((answer) => answer.json()).catch(() => null);
    const reward = state?.rewards?.find(({ transaction }) => transaction?.key === key);
    if (reward) return reward;
    await pause(LOOK_MS);
  }
  return null;
}
