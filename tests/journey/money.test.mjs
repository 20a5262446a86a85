// What a site's backend reports, all the way to the vendor's double, in both dialects: sales and refunds arrive once,
// after their customer and exact; repeats, races and everything that comes in the wrong order or is too much has its
// one end, looked at where it counts, in the vendor's own state.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { Backend, Caller, travel } from './support/caller.mjs';
import { Product, account, until } from './support/product.mjs';

const DAY = 24 * 60 * 60 * 1000;
const OPEN = ['due', 'unverified'];

for (const dialect of ['current', 'guide']) {
  describe(dialect, () => {
    let product, backend, token;
    before(async () => {
      product = await Product.start({ www: false, dialect });
      backend = Backend.create(product);
      token = await touched();
    });
    after(() => product?.stop());

    /** The click token of a visitor of partner `ada`. */
    async function touched() {
      const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
      return (await (await Caller.create(product.site)).arrive(`ps_xid=${xid}&ps_partner_key=YWRh`)).token;
    }

    const signup = (key) => ({ kind: 'signup', customer: { key, email: `${key}@example.org` }, click_token: token });
    const order = (key, minor, currency = 'EUR') => ({ key, amount_minor: minor, currency });
    const sale = (key, customer, ...amount) => ({
      kind: 'sale',
      customer: { key: customer },
      order: order(key, ...amount),
    });
    const refund = (key, of, ...amount) => ({ kind: 'refund', refund_of: of, order: order(key, ...amount) });

    /** Reports, and checks what the receipt says: `status`, or `status code`. */
    async function says(body, expected, idempotencyKey) {
      const { status, body: receipt } = await backend.report(body, idempotencyKey);
      assert.equal(
        [receipt.status ?? status, receipt.code].filter(Boolean).join(' '),
        expected,
        JSON.stringify(receipt),
      );
      return receipt.conversion_id;
    }

    /** Moves the vendor's and the proxy's time until nothing is under way: what is open then waits for somebody. */
    const settled = () =>
      until('nothing is under way', async () => {
        await product.control('clock', { advance_ms: 1_000 });
        return product.json('outbox', 'list', '--limit', '1000').deliveries.every(({ state }) => !OPEN.includes(state));
      });

    const row = (id) => product.json('conversions', 'show', id).deliveries[0];
    const state = () => product.control(`state/${account(dialect)}`);
    const customers = async (key) => (await state()).customers.filter(({ customer_key: own }) => own === key).length;
    /** Cents of a customer's transactions, in the order of their coming; a deleted one is `gone`. */
    const cents = async (key) =>
      (await state()).transactions
        .filter(({ customer_key: own }) => own === key)
        .map(({ amount, deleted }) => (deleted ? 'gone' : amount));
    const calls = async (path) => (await product.control(`requests?vendor=${account(dialect)}&path=${path}`)).requests;

    test('sales and refunds in EUR, JPY and KWD reach the vendor once, exact to the cent', async () => {
      const money = [
        ['EUR', 1230, 230, [1230, -230]],
        ['JPY', 1230, 30, [123_000, -3000]],
        ['KWD', 12_340, 10, [1234, -1]],
        ['EUR', 990, 990, ['gone']],
      ];
      const ids = [];
      for (const [index, [currency, sold, back]] of money.entries()) {
        const key = `exact_${index}`;
        // The sale is told at once; the vendor does not know the customer yet.
        ids.push(
          await says(signup(key), 'accepted'),
          await says(sale(`sale_${index}`, key, sold, currency), 'accepted'),
        );
        ids.push(await says(refund(`back_${index}`, `sale_${index}`, back, currency), 'accepted'));
      }
      await settled();
      for (const id of ids) assert.equal(row(id).state, 'recorded', JSON.stringify(row(id)));
      for (const [index, [currency, , , expected]] of money.entries()) {
        assert.deepEqual(await cents(`exact_${index}`), expected, currency);
        assert.equal(await customers(`exact_${index}`), 1);
      }
      const transactions = await calls('/transactions');
      assert.equal(
        transactions.filter(({ method }) => method === 'POST').length,
        7,
        'four sales and three parts given back',
      );
      assert.equal(transactions.filter(({ method }) => method === 'DELETE').length, 1);
      assert.ok(
        transactions.every(({ status }) => status === 200),
        'no call came before the vendor knew the customer',
      );
      for (const [index] of money.entries()) {
        const { visible_at: seen } = (await state()).customers.find(
          ({ customer_key: key }) => key === `exact_${index}`,
        );
        const first = transactions.find(({ body }) =>
          [body?.customer_external_key, body?.customer_key].includes(`exact_${index}`),
        );
        assert.ok(first.at_ms >= seen, 'the customer could be seen before its sale went out');
      }
      // And again, word for word under other Idempotency-Keys: nothing more arrives.
      await says(sale('sale_0', 'exact_0', 1230), 'duplicate');
      await says(refund('back_0', 'sale_0', 230), 'duplicate');
      await settled();
      assert.equal((await calls('/transactions')).length, 8);
    });

    test('no sale leaves before the vendor has answered about its customer', async () => {
      const making = dialect === 'guide' ? '/customers' : 'conversion/xid';
      await product.control('faults', {
        vendor: account(dialect),
        method: 'POST',
        path_contains: making,
        kind: 'delay',
        delay_ms: 500,
        times: 1,
      });
      const made = (await calls(making)).length;
      await says(signup('slowly_made'), 'accepted');
      const id = await says(sale('eager_sale', 'slowly_made', 700), 'accepted');
      const asked = await until('the vendor is asked', async () => (await calls(making))[made]);
      const sold = await until('the sale is sent', async () => {
        // In `current` the customer is confirmed by a look-up, seconds later.
        if (dialect === 'current') await product.control('clock', { advance_ms: 1_000 });
        return (await calls('/transactions')).find(({ body }) => JSON.stringify(body ?? '').includes('slowly_made'));
      });
      assert.ok(sold.at_ms - asked.at_ms >= 500, `sent ${sold.at_ms - asked.at_ms} ms after the vendor was asked`);
      await settled();
      assert.deepEqual([row(id).state, await cents('slowly_made')], ['recorded', [700]]);
    });

    test('an amount that the vendor cannot say is rejected as inexact_amount, and nothing of it is sent', async () => {
      await says(signup('fils'), 'accepted');
      const inexact = [await says(sale('fils_1', 'fils', 1235, 'KWD'), 'accepted')];
      await says(sale('fils_2', 'fils', 1230, 'KWD'), 'accepted');
      inexact.push(await says(refund('fils_3', 'fils_2', 5, 'KWD'), 'accepted'));
      await settled();
      for (const id of inexact) {
        const { state: word, reason, attempts } = row(id);
        assert.deepEqual([word, attempts], ['rejected', 0]);
        assert.match(reason, /^inexact_amount: .*KWD is finer/);
      }
      assert.deepEqual(await cents('fils'), [123]);
    });

    test('the same call twice, with other content, in flight, and fifty times at once is one customer', async () => {
      const id = await says(signup('repeated'), 'accepted', 'k-repeated');
      const again = await backend.report(signup('repeated'), 'k-repeated');
      assert.deepEqual([again.status, again.body.replayed, again.body.conversion_id], [200, true, id]);
      const other = await backend.report(signup('somebody_else'), 'k-repeated');
      assert.deepEqual([other.status, other.body.code], [422, 'idempotency_mismatch']);

      // One call that is slow to send its body, and the same while it lasts.
      const text = JSON.stringify(signup('slow'));
      const headers = {
        authorization: `Bearer ${backend.key}`,
        'content-type': 'application/json',
        'idempotency-key': 'k-slow',
      };
      const slow = request(`${product.site}/tm/v1/conversions`, {
        method: 'POST',
        headers: { ...headers, 'content-length': text.length, expect: '100-continue' },
      });
      const answered = new Promise((resolve, reject) => slow.on('response', resolve).on('error', reject));
      await new Promise((resolve) => slow.on('continue', resolve).flushHeaders());
      const meanwhile = await backend.report(signup('slow'), 'k-slow');
      assert.deepEqual([meanwhile.status, meanwhile.body.code], [409, 'in_progress']);
      slow.end(text);
      assert.equal((await answered).statusCode, 202);

      const all = await Promise.all(Array.from({ length: 50 }, () => backend.report(signup('parallel'), 'k-parallel')));
      const of = (status) => all.filter((answer) => answer.status === status);
      assert.equal(of(202).length, 1);
      assert.equal(of(202).length + of(200).length + of(409).length, 50);
      assert.ok(of(409).every(({ body }) => body.code === 'in_progress'));
      assert.equal(new Set([...of(202), ...of(200)].map(({ body }) => body.conversion_id)).size, 1);
      await settled();
      for (const key of ['repeated', 'slow', 'parallel']) assert.equal(await customers(key), 1, key);
      assert.equal(await customers('somebody_else'), 0);
    });

    test('a sale before its signup waits for it, and is sent once the vendor knows the customer', async () => {
      const nobody = await says(sale('early_0', 'never_seen', 500), 'unattributed customer_unknown');
      const early = await says({ ...sale('early_1', 'late', 500), click_token: token }, 'accepted');
      await settled();
      assert.equal(row(early).state, 'blocked');
      assert.match(row(early).reason, /the customer's signup is not known/);
      assert.equal(
        (await calls('/transactions')).some(({ body }) => JSON.stringify(body ?? '').includes('late')),
        false,
      );
      await says(signup('late'), 'accepted');
      await settled();
      assert.deepEqual([row(early).state, await cents('late')], ['recorded', [500]]);
      // Told without a touch it was nobody's, and stays so; told again once the customer is known, it counts.
      await says(signup('never_seen'), 'accepted');
      await settled();
      assert.deepEqual([row(nobody), await cents('never_seen')], [undefined, []]);
      await says(sale('early_0', 'never_seen', 500), 'accepted');
      await settled();
      assert.deepEqual(await cents('never_seen'), [500]);
    });

    test('a renewal after the window and its refund go to the partner of the signup', async () => {
      await says(signup('loyal'), 'accepted');
      await settled();
      await travel(product, 200 * DAY);
      await says(signup('too_late'), 'unattributed token_expired');
      token = await touched();
      const renewal = await says(sale('renewal_1', 'loyal', 4900), 'accepted');
      const back = await says(refund('renewal_2', 'renewal_1', 900), 'accepted');
      await settled();
      assert.deepEqual(
        [row(renewal).state, row(back).state, await cents('loyal')],
        ['recorded', 'recorded', [4900, -900]],
      );
      const transactions = (await state()).transactions.filter(({ customer_key: key }) => key === 'loyal');
      assert.ok(
        transactions.every(({ partner_key: partner }) => partner === 'ada'),
        'the partner of the signup',
      );
    });

    test('a refund twice, above its sale, in another currency, of nothing or before it has its end', async () => {
      await says(signup('fickle'), 'accepted');
      await says(refund('back_early', 'bought', 100), 'held sale_unknown', 'k-early');
      await settled();
      assert.deepEqual(await cents('fickle'), [], 'nothing is given back of what is not known');
      await says(sale('bought', 'fickle', 1000), 'accepted');
      await says(refund('back_early', 'bought', 100), 'duplicate');
      await says(refund('back_f2', 'bought', 300), 'accepted');
      await says(refund('back_f2', 'bought', 300), 'duplicate');
      await says(refund('back_f3', 'bought', 601), 'rejected refund_above_sale');
      await says(refund('back_f4', 'bought', 600, 'USD'), 'rejected refund_currency');
      await says({ ...refund('back_f5', 'bought', 1), customer: { key: 'late' } }, 'rejected refund_customer');
      await says(refund('back_f6', 'unbought', 1), 'held sale_unknown');
      await says(refund('back_f7', 'bought', 600), 'accepted');
      await says(refund('back_f8', 'bought', 1), 'rejected refund_above_sale');
      const { status, body } = await backend.report(refund('back_f9', 'bought', 0));
      assert.deepEqual([status, body.code, body.field], [400, 'malformed', 'order.amount_minor']);
      await settled();
      const all = await cents('fickle');
      assert.deepEqual([all[0], all.slice(1).sort()], [1000, [-100, -300, -600]], 'given back: 1000 of 1000');
    });

    test('fifty refunds at once give back no more than the sale', async () => {
      await says(signup('crowd'), 'accepted');
      await says(sale('c_sale', 'crowd', 1000), 'accepted');
      const all = await Promise.all(
        Array.from({ length: 50 }, (_, number) => backend.report(refund(`c_${number}_`, 'c_sale', 90))),
      );
      assert.equal(all.filter(({ body }) => body.status === 'accepted').length, 11);
      assert.equal(all.filter(({ body }) => body.code === 'refund_above_sale').length, 39);
      await settled();
      assert.deepEqual(await cents('crowd'), [1000, ...Array(11).fill(-90)]);
    });
  });
}
