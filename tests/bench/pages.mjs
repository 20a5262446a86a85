// What a page pays for Trailmark and for its peers: the same page in Chromium for each of those that peers.mjs names, after a
// click on a partner's link and without one, in turn, so that a busy machine is busy for all. Prints medians as a table on standard
// output, and progress on standard error. `cargo xtask bench-pages` runs this file; no test does.
//
// Requests and bytes are those that the page's connection received after the page itself, headers included. Task ms is the time
// of the main thread's tasks from the navigation to the end of the visit, on a CPU that Chromium slows down. The last answer is the
// moment of the last response's head after the navigation began, on a network that Chromium slows down, too.

import { freshPage, launch } from '../journey/support/browser.mjs';
import { Product } from '../journey/support/product.mjs';
import { compared } from './peers.mjs';
import { serve } from './server.mjs';
import { median, table } from './table.mjs';

const RUNS = Number(process.env.TRAILMARK_RUNS ?? 15);

/** How much slower the CPU is: a cheap phone. */
const CPU = 4;

/** Chrome's "Slow 4G": 1.6 and 0.75 Mbit/s less a tenth, in bytes a second, and its round trip of 150 ms. */
const SLOW_4G = { offline: false, downloadThroughput: 180_000, uploadThroughput: 84_375, latency: 150 };

/** How long a visit goes on after `load`: PostHog sends what it has batched after 3 s. */
const VISIT_MS = 5_000;

/** A page of ordinary length, so that the browser has something to do without any script. */
const PART = `<h2>Acme Notes</h2><p>${'Notes that keep themselves. '.repeat(12)}</p>`;
const pageWith = (head) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Acme Notes</title>
  <link rel="icon" href="data:,">${head}<body><h1>Acme Notes</h1>${PART.repeat(60)}`;

const taskMs = async (cdp) => {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration').value * 1_000;
};

/** One visit by somebody new: `{ requests, bytes, task, last }`. Fails if the page does, or does not tell what it should. */
async function visit(browser, host, one, click, network) {
  const { context, page, said } = await freshPage(browser);
  const cdp = await context.newCDPSession(page);
  // In the process and over the connection in which the measured page will run.
  await page.goto(`${host.origin}/blank.html`);
  const [wire, refused] = [new Map(), []];
  let began, last;
  const add = ({ requestId, encodedDataLength }) => {
    if (wire.has(requestId)) wire.set(requestId, wire.get(requestId) + encodedDataLength);
  };
  cdp.on('Network.requestWillBeSent', ({ requestId, type, timestamp, request }) => {
    if (type === 'Document') began = timestamp;
    else if (!request.url.startsWith('data:')) wire.set(requestId, 0);
  });
  cdp.on('Network.responseReceived', ({ requestId, timestamp, response }) => {
    if (wire.has(requestId)) last = timestamp;
    if (response.status >= 400) refused.push(`${response.status} ${response.url}`);
    add({ requestId, ...response });
  });
  cdp.on('Network.dataReceived', add);
  // The whole of it, where the browser knows: an answer that no script reads has no such end.
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (wire.has(requestId)) wire.set(requestId, encodedDataLength);
  });
  await cdp.send('Network.enable');
  await cdp.send('Performance.enable');
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: CPU });
  if (network) await cdp.send('Network.emulateNetworkConditions', network);
  host.posted.length = 0;
  const before = await taskMs(cdp);
  await page.goto(`${host.origin}${one.path}${click ? `?${click}` : ''}`);
  await page.waitForTimeout(VISIT_MS);
  const task = (await taskMs(cdp)) - before;
  const told = one.tells[click ? 'click' : 'none'];
  const faults = [...refused, ...said.errors, ...said.console.filter((line) => line.startsWith('error'))];
  // Before the page is left, since a page may send something then.
  if (told && !host.posted.includes(told)) faults.push(`nothing came to ${told}`);
  await context.close();
  if (faults.length > 0) throw new Error(`${one.name} does not work on the bench's page:\n${faults.join('\n')}`);
  const bytes = [...wire.values()].reduce((sum, length) => sum + length, 0);
  return { requests: wire.size, bytes, task, last: last && (last - began) * 1_000 };
}

/** The median of each figure of some visits. */
const medians = (visits) => Object.fromEntries(
  ['requests', 'bytes', 'task', 'last'].map((figure) => [figure, median(visits.map((visit) => visit[figure]))]),
);

const host = await serve();
let product, browser;
try {
  product = await Product.start({ www: false, pages: host.origin });
  host.to(product.site);
  browser = await launch();
  host.file('/blank.html', { type: 'text/html', body: '<!doctype html><link rel="icon" href="data:,">' });
  const all = compared(process.env).map((one, index) => ({ ...one, path: `/${index}.html`, click: [], none: [], slow: [] }));
  for (const { path, head, files, answers } of all) {
    host.file(path, { type: 'text/html', body: pageWith(head) });
    for (const [path, file] of Object.entries(files)) host.file(path, file);
    for (const [path, answer] of Object.entries(answers)) host.answer(path, answer);
  }
  for (let run = 0; run < RUNS; run += 1) {
    console.error(`run ${run + 1} of ${RUNS}`);
    // Each begins as often as the others.
    const first = run % all.length;
    for (const one of [...all.slice(first), ...all.slice(0, first)]) {
      // `via` is what Dub reads.
      const clicked = async () => {
        const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
        return `ps_xid=${xid}&ps_partner_key=YWRh&via=ada`;
      };
      one.click.push(await visit(browser, host, one, await clicked()));
      one.none.push(await visit(browser, host, one));
      if (one.isOurs) one.slow.push(await visit(browser, host, one, await clicked(), SLOW_4G));
    }
  }
  const rows = all.map(({ name, click, none, slow }) => ({
    name,
    click: medians(click),
    none: medians(none),
    last: slow.length > 0 ? medians(slow).last : undefined,
  }));
  console.log(`Chromium ${browser.version()}, medians of ${RUNS} visits, CPU ${CPU} times slower:\n\n${table(rows)}`);
} finally {
  await browser?.close();
  await product?.stop();
  host.close();
}
