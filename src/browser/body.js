// Turns the page's argument into the wire's form: `Body` in crates/trailmark-wire/src/conversion.rs, as JSON. Pure. It
// makes the shape, and refuses an argument without one: no customer, no order, a number that JavaScript has rounded. The
// proxy applies the wire's rule (crates/trailmark-wire/src/repair.rs); `data-debug` prints what it refuses or repairs. This
// is JavaScript because it turns an object into JSON: in Rust that costs the module two kilobytes.

// Throws what is wrong, beginning with the page's name of the field. Never repeats a value, which may be personal data.
const ensure = (holds, problem) => {
  if (!holds) throw problem;
};

// Prototype.js 1.6 makes `JSON.stringify` write a list as a string.
const parsed = value => typeof value == 'string' ? JSON.parse(value) : value;

// The body of a conversion of this kind, from the page's argument as JSON. Half of a surrogate pair, which JSON writes as
// an escape, becomes U+FFFD: the proxy's JSON parser refuses it.
export const body = (kind, json) => {
  const input = parsed(json.replace(/\\(ud[89a-f]..|.)/g, (all, one) => one[1] ? '\ufffd' : all) || '0') || {};
  const word = name => {
    const value = input[name];
    ensure(typeof value != 'number' || Number.isSafeInteger(value), name + ' is a number that JavaScript rounds: pass it as text');
    return /^[sn]/.test(typeof value) && (value + '').trim() ? value + '' : undefined;
  };
  const [key, customer, orderKey, order] = ['customerKey', 'customer', 'orderKey', 'order'].map(word), minor = input.amountMinor;
  ensure(key ? !customer : customer || order, 'customerKey or a signed customer is needed, but not both');
  ensure(kind == 'sale' ? !orderKey != !order : !orderKey && !order, 'orderKey with amountMinor and currency, or order (the signed text): a sale needs one of them, a signup or lead takes neither');
  ensure(!orderKey || minor >= 0 && Number.isSafeInteger(minor) && input.currency,
    'orderKey needs amountMinor, a whole number of minor units, and a currency such as EUR');
  const items = [].concat(parsed(input.items) || []).map(({ sku, category, unitAmountMinor, quantity }) =>
    ({ sku: typeof sku == 'number' ? sku + '' : sku, category, unit_amount_minor: unitAmountMinor, quantity }));
  // Without this, Prototype.js would write the list as a string again.
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

// The same, or what is wrong. What was thrown by anything else (no JSON) has no words.
export const bodyOrProblem = (kind, json) => {
  try {
    return body(kind, json);
  } catch (problem) {
    return typeof problem == 'string' ? problem : '';
  }
};
