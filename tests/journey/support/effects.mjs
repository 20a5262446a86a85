// Both ends of a journey, and the step between them: a click at the partner platform's double, a page's signup, and what
// became of one customer, in the ledger and at the double. Holds no assertions.

import { until } from './product.mjs';

/** A click on a partner's link at the platform: `{ xid, partner, query }`, the last as the platform writes it. */
export async function click(product, partner) {
  const { xid } = await product.control('partnerstack/clicks', { partner_key: partner });
  const key = Buffer.from(partner).toString('base64url');
  return { xid, partner, query: `ps_xid=${xid}&ps_partner_key=${key}` };
}

/** Waits until a page's touch is this partner's. Playwright's `waitForFunction` takes any promise for a yes. */
export const brought = (page, partner) =>
  until(`${partner} is who brought the visitor`, async () => {
    const touch = await page.evaluate(() => trailmark.touch());
    return touch?.partner === partner;
  });

/** Signs up under `key`, as a page's own script does: the result. */
export const signUp = (page, key) =>
  page.evaluate((key) => trailmark.signup({ customerKey: key, email: `${key}@example.org` }), key);

const OPEN = ['due', 'uncertain', 'unverified', 'waiting'];

/** Moves time until nothing is under way. */
export const settled = (product) =>
  until('nothing is under way', async () => {
    await product.control('clock', { advance_ms: 1_000 });
    return product.json('outbox', 'list', '--limit', '1000').deliveries.every(({ state }) => !OPEN.includes(state));
  });

/**
 * What became of the customer `key`, once the ledger knows of it and nothing is under way: `ledger`, each of its
 * conversions as `kind status`; `vendor`, each customer at the double as `partner click-id`; and how often anything was
 * made there in its name.
 */
export async function effects(product, key) {
  const own = () => product.json('conversions', 'list', '--limit', '1000').filter((row) => row.external_id === key);
  await until(`the ledger knows of ${key}`, () => own().length > 0);
  await settled(product);
  const { customers } = await product.control('state/partnerstack');
  const { effects: rows } = await product.control(`effects?vendor=partnerstack&key=${key}`);
  return {
    ledger: own().map(({ kind, status }) => `${kind} ${status}`),
    vendor: customers
      .filter((customer) => customer.customer_key === key)
      .map((customer) => `${customer.partner_key} ${customer.xid}`),
    made: rows.reduce((sum, row) => sum + row.effects, 0),
  };
}

/** The one right effect of a signup after a touch. */
export const one = ({ xid = null, partner }) => ({
  ledger: ['signup accepted'],
  vendor: [`${partner} ${xid}`],
  made: 1,
});

/** The ledger's touches of one click. */
export async function touches(product, { xid }) {
  const answer = await fetch(`${product.operator}/v1/touches`);
  return (await answer.json()).items.filter((touch) => touch.click_id === xid);
}
