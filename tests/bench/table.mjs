// The figures of pages.mjs as a table in Markdown, and the bounds that Trailmark's own figures have to keep. Pure.

/** The middle of some numbers. */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const number = (value) => Math.round(value).toLocaleString('en');

const row = ({ name, click, none, last }) => {
  const wire = ({ requests, bytes }) => `${number(requests)}, ${number(bytes)}`;
  const task = `${number(click.task)} / ${number(none.task)}`;
  return `| ${name} | ${wire(click)} | ${wire(none)} | ${task} | ${last ? number(last) : ''} |`;
};

/** What is measured, Trailmark's figure, and the most that it may be; no most where there is nothing to compare with. */
const bounds = ({ click, none, last }, dub, before) => [
  ['no click: requests', none.requests, 1],
  ['no click: bytes', none.bytes, 2_400],
  ["no click: task ms, against Dub's", none.task, dub?.none.task],
  ['click: bytes', click.bytes, 25_000],
  before
    ? ["click: last answer on slow 4G in ms, against 7/8 of the earlier build's", last, (before.last * 7) / 8]
    : ['click: last answer on slow 4G in ms, on a machine where that of November 2026 came at 1,600', last, 1_400],
];

/** `rows` have a name, medians of `click` and `none` (requests, bytes, task), and Trailmark's `last` answer on slow 4G in ms. */
export function table(rows) {
  const named = (start) => rows.find(({ name }) => name.startsWith(start));
  const bound = ([what, value, most]) => {
    if (most === undefined) return `- ${what}: ${number(value)}, nothing to compare with`;
    const mark = value <= most ? 'ok' : 'over';
    return `- ${what}: ${number(value)} of at most ${number(most)}: **${mark}**`;
  };
  const ours = rows.find(({ name }) => name === 'Trailmark');
  return [
    '| | click: requests, bytes | no click: requests, bytes | task ms, click / none | last answer, slow 4G, ms |',
    '|---|---|---|---|---|',
    ...rows.map(row),
    '',
    ...bounds(ours, named('Dub'), named('Trailmark before')).map(bound),
  ].join('\n');
}
