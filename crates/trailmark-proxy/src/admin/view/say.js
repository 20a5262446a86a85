// Formats values of the ledger for people: times, money, ids, names. Pure except for the browser's locale and time zone. The
// API writes the sentences about conversions.

/** The time, with the date if it is not today; `null` without a time. */
export function time(text) {
  const at = new Date(text ?? NaN);
  if (Number.isNaN(at.valueOf())) return null;
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString(undefined, { dateStyle: today ? undefined : 'short', timeStyle: 'medium' });
}

/** `2026-11-28 18:13:25 UTC`, as the sentences of a history and the command line write times. */
export const moment = (text) => text?.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');

/** An id as short as on the command line: time to the millisecond and 12 random bits. */
export const short = (id) => id.slice(0, 18);

const END = '.,:;';

/** Replaces an e-mail address in a word. Linear in the length of the word. */
function withoutAddress(word) {
  let end = word.length;
  while (end > 0 && END.includes(word[end - 1])) end -= 1;
  const at = word.indexOf('@');
  return at > 0 && at < end - 1 ? `(an e-mail address)${word.slice(end)}` : word;
}

/** Hides e-mail addresses, which keys and vendors' messages may contain. */
export const masked = (text) => (text?.includes('@') ? text.replace(/[^\s<>()]+/g, withoutAddress) : text);

/** Digits after the decimal point, by the currency's own exponent. */
function digits(currency) {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
}

/** Minor units as an exact decimal in major units; takes an integer or its text, of any length. */
function decimal(minor, exponent) {
  const whole = BigInt(minor);
  const magnitude = String(whole < 0n ? -whole : whole).padStart(exponent + 1, '0');
  const point = magnitude.length - exponent;
  const fraction = exponent ? `.${magnitude.slice(point)}` : '';
  return `${whole < 0n ? '-' : ''}${magnitude.slice(0, point)}${fraction}`;
}

/** An amount in the locale's format; `null` if there is none. */
export function money(minor, currency) {
  if (!/^-?\d+$/.test(String(minor ?? '')) || !/^[a-z]{3}$/i.test(currency ?? '')) return null;
  return new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(decimal(minor, digits(currency)));
}

/** `1 sale`, `2 sales`. */
export const counted = (number, one, many = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : many}`;

const GOOD = ['accepted', 'recorded', 'open', 'visible', 'not_needed', 'approved', 'paid'];
const BAD = ['rejected', 'dead', 'conflict', 'ignored', 'paused', 'broken', 'dropped', 'unsupported', 'deleted', 'blocked'];

/** The colour of a state or status: `good`, `bad`, or `wait` for everything under way. */
export const colour = (word) => (GOOD.includes(word) ? 'good' : BAD.includes(word) ? 'bad' : 'wait');

/** The colour of an answer's or a trouble's tone. */
export const toned = (tone) => ({ good: 'good', bad: 'bad' })[tone] ?? 'wait';
