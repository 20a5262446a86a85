// The repair of optional fields in plain JavaScript, written from the description in crates/trailmark-wire/src/repair.rs and from
// nothing else: a second implementation beside Rust's. Used by vectors.test.mjs; ships nowhere.

const UNSEEN = '[\\s\\p{Bidi_Control}\\u0085\\u200b\\u2060\\ufeff]+';
const trimmed = (text) => text.replace(new RegExp(`^${UNSEEN}|${UNSEEN}$`, 'gu'), '');
const cut = (text, most) => [...text].slice(0, most).join('');

/** The repaired form of a body, and the warnings in their order. */
export function repair(body) {
  const warnings = [];
  const warn = (field, code) => {
    if (!warnings.some((warning) => warning.field === field && warning.code === code)) warnings.push({ field, code });
  };
  const text = (value, field, most) => {
    if (value === null || value === undefined) return undefined;
    if (typeof value === 'object') return void warn(field, 'wrong_type');
    const whole = trimmed(String(value));
    const plain = trimmed(whole.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' '));
    if (!plain) return void warn(field, 'blank');
    if (plain !== whole) warn(field, 'controls');
    if ([...plain].length > most) warn(field, 'cut');
    return trimmed(cut(plain, most));
  };
  const address = (value) => {
    if (typeof value !== 'string' || !trimmed(value)) return text(value, 'customer.email', 254);
    const plain = trimmed(value);
    const good = /^[^\s\p{Cc}\p{Bidi_Control}]+@[^\s\p{Cc}\p{Bidi_Control}]+$/u.test(plain) && [...plain].length <= 254;
    return good ? plain : void warn('customer.email', 'not_an_email');
  };
  const free = (data) => {
    if (data === null || data === undefined) return undefined;
    if (typeof data !== 'object' || Array.isArray(data)) return void warn('data', 'wrong_type');
    const kept = {};
    for (const [said, value] of Object.entries(data).filter(([, value]) => value !== null)) {
      const name = text(said, 'data', 64);
      if (!name) continue;
      if (!(name in kept) && Object.keys(kept).length === 25) {
        warn('data', 'too_many');
        break;
      }
      const field = /^[\w-]+$/.test(name) ? `data.${name}` : 'data';
      const fit = typeof value === 'string' && !trimmed(value) ? '' : text(value, field, 500);
      if (fit !== undefined) kept[name] = fit;
    }
    return kept;
  };
  const customer = ({ key, email, name }) => ({ key: trimmed(key), email: address(email), name: text(name, 'customer.name', 200) });
  const line = ({ sku, category, ...rest }) => ({ sku: trimmed(sku), category: text(category, 'order.items.category', 255), ...rest });
  const order = ({ key, currency, items, ...rest }) => ({
    key: trimmed(key), currency: trimmed(currency).toUpperCase(), items: items?.map(line), ...rest,
  });
  const repaired = {
    kind: body.kind,
    customer: body.customer && customer(body.customer),
    signed_customer: trimmed(body.signed_customer ?? '') || undefined,
    order: body.order && order(body.order),
    signed_order: trimmed(body.signed_order ?? '') || undefined,
    refund_of: body.refund_of && trimmed(body.refund_of),
    data: free(body.data),
  };
  return { repaired: JSON.parse(JSON.stringify(repaired)), warnings };
}
