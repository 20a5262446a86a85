// What a page says of a conversion, in the wire's words: `Body` in crates/trailmark-wire/src/conversion.rs, as JSON. Pure. Checks
// what a developer gets wrong, so that it is said at once; the proxy checks everything and has the last word. In JavaScript
// since it turns a page's object into JSON: in Rust the same costs the module two kilobytes.

// Throws what is wrong, led by the field as the page knows it. Never repeats a value, which may be personal data.
const ensure = (holds, problem) => {
  if (!holds) throw problem;
};

const text = value => /^[sn]/.test(typeof value) ? value + '' : undefined;

const within = (value, most) => [...value].length <= most && !/\p{Cc}/u.test(value);

const fits = (value, most) => value == null || (value.trim() && within(value, most));

// The body of a conversion of this kind, from the page's argument as JSON.
export const body = (kind, json) => {
  const input = JSON.parse(json || '0') || {}, minor = input.amountMinor;
  const [key, email, name, customer, orderKey, order] =
    ['customerKey', 'email', 'name', 'customer', 'orderKey', 'order'].map(name => text(input[name]));
  ensure(key == null ? customer || order : !customer, 'customerKey or a signed customer is needed, and only one of them');
  ensure(fits(key, 255), 'customerKey has 1 to 255 characters, not blank, without controls');
  ensure(email == null || fits(email, 254) && /^[^\s]+@[^\s@]+$/.test(email), 'email is no e-mail address');
  ensure(fits(name, 200), 'name has 1 to 200 characters without controls');
  ensure(kind == 'sale' ? !orderKey != !order : !orderKey && !order, 'orderKey with amountMinor and currency, or order, the signed text, is what a sale needs, and nothing else takes');
  ensure(!orderKey || fits(orderKey, 255) && minor >= 0 && Number.isSafeInteger(minor) && /^[A-Z]{3}$/.test(input.currency),
    'orderKey needs amountMinor, a whole number of minor units, and a currency such as EUR');
  const entries = Object.entries(input.data || {}).map(([name, value]) => [name, text(value) || '']);
  ensure(entries.length < 26 && entries.every(([name, value]) => fits(name, 64) && within(value, 500)),
    'data has at most 25 entries, of 64 and 500 characters, without controls');
  return JSON.stringify({
    kind,
    customer: key == null ? undefined : { key, email, name },
    signed_customer: customer || undefined,
    order: !orderKey ? undefined : {
      key: orderKey,
      amount_minor: minor,
      currency: input.currency,
      items: input.items && input.items.map(({ unitAmountMinor, ...item }) => ({ ...item, unit_amount_minor: unitAmountMinor }))
    },
    signed_order: order || undefined,
    data: entries[0] && Object.fromEntries(entries)
  });
};
