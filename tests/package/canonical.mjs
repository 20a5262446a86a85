// The canonical encoding of a conversion in plain JavaScript, written from the description in
// crates/trailmark-wire/src/conversion.rs and from nothing else: the third implementation beside Rust and WebAssembly.
// Used by vectors.test.mjs; ships nowhere.

const field = (tag, bytes) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([Buffer.from(tag), length, bytes]);
};
const text = (tag, value) => (value === undefined ? Buffer.alloc(0) : field(tag, Buffer.from(value)));
const integer = (tag, value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return field(tag, bytes);
};

const customer = ({ key, email, name }) => [text('c', key), text('e', email), text('n', name)];
const item = ({ sku, category, unit_amount_minor, quantity }) => [
  text('i', sku), text('g', category), integer('p', unit_amount_minor), integer('q', quantity),
];
const order = ({ key, amount_minor, currency, items = [] }) => [
  text('o', key), integer('a', amount_minor), text('u', currency), ...items.flatMap(item),
];
const byName = ([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The bytes that "same content" compares, for a site and a conversion's JSON. */
export function canonical(site, body) {
  const data = Object.entries(body.data ?? {}).sort(byName);
  return Buffer.concat([
    Buffer.from('trailmark-conversion-1\n'),
    text('s', site),
    text('k', body.kind),
    ...(body.customer ? customer(body.customer) : []),
    text('C', body.signed_customer),
    ...(body.order ? order(body.order) : []),
    text('O', body.signed_order),
    text('r', body.refund_of),
    ...data.flatMap(([name, value]) => [text('d', name), text('v', value)]),
  ]);
}
