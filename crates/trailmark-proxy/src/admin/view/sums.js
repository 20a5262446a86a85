// Adds up the answers of v1/sums, each of which covers a bounded number of conversions, until the chosen time is whole. Asks
// again after a pause ten times as long as the last round took, so that a large ledger is not read all the time, and stops
// after a number of answers until a person wants the rest.

const PAUSE_TIMES = 10;
const SHORTEST_PAUSE_MS = 2000;
/** Answers of one round, of ten thousand conversions each, before a person is asked. */
const MOST_ANSWERS = 20;

const AMOUNTS = ['sales_minor', 'refunds_minor', 'recorded_minor', 'stopped_minor', 'pending_minor', 'approved_minor', 'paid_minor'];

/** Adds the rows of one answer to those of the answers before it. */
export function addUp(whole, rows) {
  for (const row of rows) {
    const name = JSON.stringify([row.site, row.program, row.partner, row.currency]);
    const before = whole.get(name);
    const amounts = AMOUNTS.map((field) => [field, BigInt(row[field]) + (before?.[field] ?? 0n)]);
    const counts = { sales: row.sales + (before?.sales ?? 0), refunds: row.refunds + (before?.refunds ?? 0) };
    whole.set(name, { ...row, ...counts, ...Object.fromEntries(amounts) });
  }
}

/** The partner with the most sales first, each currency apart; who is credited to nobody stands last. */
function ranked(rows) {
  const most = (one, other) => (one < other ? 1 : one > other ? -1 : 0);
  const nobody = (row) => row.program === null;
  return [...rows].sort((a, b) => nobody(a) - nobody(b) || a.currency.localeCompare(b.currency) || most(a.sales_minor, b.sales_minor));
}

export class Adding {
  #ask;
  #tell;
  /** Of the round under way: a round that another one has replaced draws nothing. */
  #round = 0;
  #isBusy = false;
  #isFirst = true;
  #nextAt = 0;
  #most = MOST_ANSWERS;

  /** `ask(cursor, times)` gives one answer, `tell` draws what was added up. */
  constructor(ask, tell) {
    this.#ask = ask;
    this.#tell = tell;
  }

  /** Another time is chosen. */
  reset() {
    this.#round += 1;
    this.#isBusy = false;
    this.#isFirst = true;
    this.#nextAt = 0;
    this.#most = MOST_ANSWERS;
  }

  /** A person wants all of it, however long that takes. */
  goOn(times) {
    this.reset();
    this.#most = Infinity;
    this.turn(times);
  }

  /** Begins a round, if it is time for one; done once something is drawn. */
  async turn(times) {
    if (this.#isBusy || Date.now() < this.#nextAt) return;
    this.#isBusy = true;
    await new Promise((drawn) => this.#add(times, this.#round, drawn));
  }

  async #add(times, round, drawn) {
    const begun = Date.now();
    const whole = new Map();
    let [conversions, reachesBackTo, cursor, answers] = [0, null, '', 0];
    try {
      do {
        const answer = await this.#ask(cursor, times);
        if (round !== this.#round) break;
        addUp(whole, answer.rows);
        conversions += answer.conversions;
        reachesBackTo = answer.reaches_back_to ?? reachesBackTo;
        cursor = answer.next;
        answers += 1;
        const isPaused = Boolean(cursor) && answers >= this.#most;
        // The first round shows what it has so far; later ones replace the whole by the whole.
        if (this.#isFirst || !cursor || isPaused) {
          this.#tell({ rows: ranked(whole.values()), conversions, reachesBackTo, isWhole: !cursor, isPaused });
        }
        drawn();
      } while (cursor && answers < this.#most);
    } catch {
      // The lists say that the proxy does not answer; the next round tries again.
    }
    drawn();
    if (round !== this.#round) return;
    this.#isBusy = false;
    this.#isFirst = false;
    this.#nextAt = Date.now() + Math.max(SHORTEST_PAUSE_MS, PAUSE_TIMES * (Date.now() - begun));
  }
}
