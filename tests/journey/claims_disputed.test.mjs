// A stranger's page claims a customer before they come (field-faults row 60), looked at where it counts, in the vendor's own
// state: the backend's word wins, no sale reaches the stranger's partner, and what was held goes on once the vendor is right.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Backend, Caller, travel } from './support/caller.mjs';
import { Product, account, until } from './support/product.mjs';

const MINUTE = 60_000;
const UNDER_WAY = ['due', 'unverified', 'uncertain', 'waiting'];
const partnerParam = (partner) => `ps_partner_key=${Buffer.from(partner).toString('base64url')}`;

for (const dialect of ['current', 'guide']) {
  describe(dialect, () => {
    let product, backend;
    before(async () => {
      product = await Product.start({ www: false, dialect, signupWait: '5m' });
      backend = Backend.create(product);
    });
    after(() => product?.stop());

    const visitor = async (partner) => (await Caller.create(product.site)).arrive(partnerParam(partner));
    const cookie = (page) => /tm_acme_v=([^;]+)/.exec(page.cookies)[1];
    const vendor = () => product.control(`state/${account(dialect)}`);
    const customer = async (key) =>
      (await vendor()).customers.filter((one) => one.customer_key === key && !one.deleted);
    const cents = async (key) =>
      (await vendor()).transactions.filter((one) => one.customer_key === key && !one.deleted).map(({ amount }) => amount);
    const deliveries = (id) => product.json('conversions', 'show', id).deliveries;

    /** A signup as a page and as the backend say it. */
    const signup = (key, words) => ({ kind: 'signup', customer: { key, email: `${key}@example.org` }, ...words });
    const sale = (order, key) => ({
      kind: 'sale',
      customer: { key },
      order: { key: order, amount_minor: 4900, currency: 'EUR' },
    });

    /** Reports, and gives `status code partner` with the conversion's id. */
    async function reports(body) {
      const { body: receipt } = await backend.report(body);
      const words = [receipt.status, receipt.code, receipt.attribution?.[0]?.partner];
      return { said: words.filter(Boolean).join(' '), id: receipt.conversion_id };
    }

    /** Moves time until nothing of a conversion is under way. */
    const settled = (id) =>
      until('nothing is under way', async () => {
        await travel(product, 2_000);
        return deliveries(id).every(({ state }) => !UNDER_WAY.includes(state));
      });

    /** A page claims a customer for a partner, and the vendor hears of it. */
    async function claimedAndTold(key, partner) {
      const page = await visitor(partner);
      const { body } = await page.convert(signup(key));
      assert.equal(body.status, 'accepted');
      await travel(product, 6 * MINUTE);
      await settled(body.conversion_id);
      assert.deepEqual((await customer(key)).map(({ partner_key: own }) => own), [partner]);
      return body.conversion_id;
    }

    test('a backend that speaks within the wait keeps the stranger from the vendor', async () => {
      const [eve, ada] = [await visitor('grace'), await visitor('ada')];
      const claimed = await eve.convert(signup('early'));
      await travel(product, MINUTE);
      assert.equal(deliveries(claimed.body.conversion_id)[0].state, 'due', 'it waits');
      const stated = await reports(signup('early', { visitor: cookie(ada) }));
      assert.equal(stated.said, 'accepted claimed_by_page ada');
      await settled(stated.id);
      assert.equal((await reports(sale('order-early', 'early'))).said, 'accepted ada');
      await travel(product, 10 * MINUTE);
      await until('the sale is there', async () => (await cents('early')).length === 1);
      assert.deepEqual((await customer('early')).map(({ partner_key: own }) => own), ['ada']);
      assert.equal(deliveries(claimed.body.conversion_id)[0].state, 'dropped');
    });

    test('where the vendor was told, sales are held until it is put right, and then they follow', async () => {
      await claimedAndTold('late', 'grace');
      const ada = await visitor('ada');
      const stated = await reports(signup('late', { visitor: cookie(ada) }));
      assert.equal(stated.said, 'accepted claimed_by_page ada');
      const sold = await reports(sale('order-late', 'late'));
      assert.equal(sold.said, 'held signup_disputed ada');
      await settled(stated.id);
      assert.equal(deliveries(stated.id)[0].state, 'conflict');
      assert.match(product.cli('conversions', 'explain', 'late').stdout.replace(/\s+/g, ' '), /conversions reassign/);
      // Asking again alone changes nothing, and nothing is paid meanwhile.
      assert.equal(product.cli('conversions', 'reassign', 'late').code, 0);
      await settled(stated.id);
      assert.equal(deliveries(stated.id)[0].state, 'conflict');
      assert.deepEqual(await cents('late'), []);
      const removed = product.cli('customers', 'remove', 'late', '--yes', '--program', 'main');
      assert.equal(removed.code, 0, removed.stderr);
      assert.equal(product.cli('conversions', 'reassign', 'late').code, 0);
      await settled(stated.id);
      assert.equal(deliveries(stated.id)[0].state, 'recorded');
      assert.deepEqual((await customer('late')).map(({ partner_key: own }) => own), ['ada']);
      await until('the held sale follows', async () => {
        await travel(product, 1_000);
        return (await cents('late')).length === 1;
      });
      assert.equal(product.json('conversions', 'show', sold.id).conversion.status, 'accepted');
    });

    test('where both were brought by the same partner, nobody has to do anything', async () => {
      await claimedAndTold('same', 'ada');
      const other = await visitor('ada');
      const stated = await reports(signup('same', { visitor: cookie(other) }));
      assert.equal(stated.said, 'accepted claimed_by_page ada');
      const sold = await reports(sale('order-same', 'same'));
      await settled(stated.id);
      assert.equal(deliveries(stated.id)[0].state, 'recorded', 'found as it is, and not sent again');
      await until('the sale follows', async () => {
        await travel(product, 1_000);
        return (await cents('same')).length === 1;
      });
      assert.equal(product.json('conversions', 'show', sold.id).conversion.status, 'accepted');
      assert.equal((await customer('same')).length, 1);
    });

    if (dialect === 'current')
      test('a click whose partner only the vendor knows is no proof that it credits the right one', async () => {
        await claimedAndTold('clicked', 'grace');
        const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
        const ada = await (await Caller.create(product.site)).arrive(`ps_xid=${xid}`);
        const stated = await reports(signup('clicked', { visitor: cookie(ada) }));
        assert.equal(stated.said, 'accepted claimed_by_page');
        await settled(stated.id);
        assert.equal(deliveries(stated.id)[0].state, 'conflict');
        assert.equal((await reports(sale('order-clicked', 'clicked'))).said, 'held signup_disputed');
      });

    test('a customer whom nobody brought pays nobody, whoever claimed them', async () => {
      await claimedAndTold('organic', 'grace');
      assert.equal((await reports(signup('organic', { visitor: null }))).said, 'unattributed claimed_by_page');
      assert.equal((await reports(sale('order-organic', 'organic'))).said, 'unattributed no_touch');
      await travel(product, 10 * MINUTE);
      assert.deepEqual(await cents('organic'), []);
    });
  });
}
