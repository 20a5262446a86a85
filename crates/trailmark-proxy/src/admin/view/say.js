// How values of the ledger are written for people: times, money, ids, names. Pure but for the locale and the time zone of
// the browser. Sentences about conversions come from the API; none is made here.

/** The time of day of today, else the date with it; `null` where there is no time. */
export function time(text) {
  const at = new Date(text ?? NaN);
  if (Number.isNaN(at.valueOf())) return null;
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString(undefined, { dateStyle: today ? undefined : 'short', timeStyle: 'medium' });
}

/** `2026-11-28 18:13:25 UTC`, as the sentences of a history and the command line write times. */
export const moment = (text) => text?.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');

/** As long as the command line shows it: time to the millisecond and 12 random bits. */
export const short = (id) => id.slice(0, 18);

const END = '.,:;';

/** A word in which an address stands, without the address. Linear in the length of the word. */
function withoutAddress(word) {
  let end = word.length;
  while (end > 0 && END.includes(word[end - 1])) end -= 1;
  const at = word.indexOf('@');
  return at > 0 && at < end - 1 ? `(an e-mail address)${word.slice(end)}` : word;
}

/** Keys and messages are the company's own and the vendor's; a word in them that is an e-mail address is not shown. */
export const masked = (text) => (text?.includes('@') ? text.replace(/[^\s<>()]+/g, withoutAddress) : text);

/** Digits after the decimal point, by the currency's own exponent. */
function digits(currency) {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
}

/** Minor units as a decimal in major units, exactly; takes an integer or its text, of any length. */
function decimal(minor, exponent) {
  const whole = BigInt(minor);
  const magnitude = String(whole < 0n ? -whole : whole).padStart(exponent + 1, '0');
  const point = magnitude.length - exponent;
  const fraction = exponent ? `.${magnitude.slice(point)}` : '';
  return `${whole < 0n ? '-' : ''}${magnitude.slice(0, point)}${fraction}`;
}

/** An amount in the locale's own writing; `null` where there is none. */
export function money(minor, currency) {
  if (!/^-?\d+$/.test(String(minor ?? '')) || !/^[a-z]{3}$/i.test(currency ?? '')) return null;
  return new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(decimal(minor, digits(currency)));
}

/** `1 sale`, `2 sales`. */
export const counted = (number, one, many = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : many}`;

const GOOD = ['accepted', 'recorded', 'open', 'visible', 'not_needed', 'approved', 'paid'];
const BAD = ['rejected', 'dead', 'conflict', 'paused', 'broken', 'dropped', 'unsupported', 'deleted', 'blocked'];

/** The colour of a word of the ledger: `good`, `bad` or, of everything under way, `wait`. */
export const colour = (word) => (GOOD.includes(word) ? 'good' : BAD.includes(word) ? 'bad' : 'wait');

/** The colour of an answer's or a trouble's tone. */
export const toned = (tone) => ({ good: 'good', bad: 'bad' })[tone] ?? 'wait';
