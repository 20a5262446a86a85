// What tests that kill the proxy have in common: chance that can be repeated, callers who come again until they have
// their receipt, the killing itself, and the way to the end of the outbox. What must hold afterwards is each test's
// own; no assertions here.

import { until } from './product.mjs';

/** Real milliseconds between a step of the clock and the next look; only how fast it goes depends on them. */
const LOOK_MS = 500;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A repeatable stream of numbers in [0, 1): mulberry32. */
export function chance(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The answers on which an honest caller comes again: too fast, still in flight, going down. */
const COME_AGAIN = [409, 429, 503];

/** Makes the same call until it is answered, through cut connections; gives the answer's JSON. Fails on a refusal. */
export async function patient(call) {
  for (;;) {
    const answer = await call().catch(() => undefined);
    const text = await answer?.text().catch(() => undefined);
    if (text !== undefined && answer.status < 400) return JSON.parse(text);
    if (text !== undefined && !COME_AGAIN.includes(answer.status)) throw new Error(`refused: ${answer.status} ${text}`);
    await pause(20);
  }
}

/** Kills the proxy so many times, each time after 50 to 500 ms, and starts it again; `counted` hears of every kill. */
export async function killAgainAndAgain(product, times, random, counted) {
  for (let kills = 1; kills <= times; kills += 1) {
    await pause(50 + random() * 450);
    await product.kill('SIGKILL');
    await product.startProxy();
    await counted(kills);
  }
}

/** Steps the simulated time, a minute at once, until `done` says so of the deliveries that are still open. */
export async function drain(product, done) {
  await until(
    'the outbox is at rest',
    async () => {
      await product.control('clock', { advance_ms: 60_000 });
      await pause(LOOK_MS);
      return done(product.json('outbox', 'list', '--limit', '1000').deliveries);
    },
    600_000,
  );
}
