// What a page says of a conversion, in the wire's words: `Body` in crates/trailmark-wire/src/conversion.rs, as JSON. Pure. Makes the
// shape, and refuses what can have none: no customer, no order, a number that JavaScript has rounded. The rule of the wire
// (crates/trailmark-wire/src/repair.rs) is the proxy's to apply; what it refuses or repairs `data-debug` prints.
// In JavaScript since it turns a page's object into JSON: in Rust the same costs the module two kilobytes.

// Throws what is wrong, led by the field as the page knows it. Never repeats a value, which may be personal data.
const ensure = (holds, problem) => {
  if (!holds) throw problem;
};

// Prototype.js 1.6 has `JSON.stringify` write a list as a text that holds it.
const parsed = value => typeof value == 'string' ? JSON.parse(value) : value;

// The body of a conversion of this kind, from the page's argument as JSON. Half an emoji, which JSON writes as an escape alone,
// becomes U+FFFD: the proxy's JSON has no such half.
export const body = (kind, json) => {
  const input = parsed(json.replace(/\\(ud[89a-f]..|.)/g, (all, one) => one[1] ? '\ufffd' : all) || '0') || {};
  const word = name => {
    const value = input[name];
    ensure(typeof value != 'number' || Number.isSafeInteger(value), name + ' is a number that JavaScript rounds: pass it as text');
    return /^[sn]/.test(typeof value) && (value + '').trim() ? value + '' : undefined;
  };
  const [key, customer, orderKey, order] = ['customerKey', 'customer', 'orderKey', 'order'].map(word), minor = input.amountMinor;
  ensure(key ? !customer : customer || order, 'customerKey or a signed customer is needed, and only one of them');
  ensure(kind == 'sale' ? !orderKey != !order : !orderKey && !order, 'orderKey with amountMinor and currency, or order, the signed text, is what a sale needs, and nothing else takes');
  ensure(!orderKey || minor >= 0 && Number.isSafeInteger(minor) && input.currency,
    'orderKey needs amountMinor, a whole number of minor units, and a currency such as EUR');
  const items = [].concat(parsed(input.items) || []).map(({ sku, category, unitAmountMinor, quantity }) =>
    ({ sku: typeof sku == 'number' ? sku + '' : sku, category, unit_amount_minor: unitAmountMinor, quantity }));
  // Keeps Prototype.js's own method from writing this list as a text.
  items.toJSON = 0;
  return JSON.stringify({
    kind,
    customer: key && { key, email: input.email, name: input.name },
    signed_customer: customer,
    order: orderKey && { key: orderKey, amount_minor: minor, currency: input.currency, items: items[0] && items },
    signed_order: order,
    data: input.data
  });
};
