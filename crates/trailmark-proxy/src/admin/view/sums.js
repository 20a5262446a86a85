// Adds up the answers of v1/sums until they cover the chosen time; each covers a limited number of conversions. The pause
// between two rounds is ten times as long as the last round, so that a large ledger is not read all the time. A round stops
// after a number of answers; the user can ask for the rest.

const PAUSE_TIMES = 10;
const SHORTEST_PAUSE_MS = 2000;
/** Most answers of one round, of ten thousand conversions each. */
const MOST_ANSWERS = 20;

const AMOUNTS = ['sales_minor', 'refunds_minor', 'recorded_minor', 'stopped_minor', 'pending_minor', 'approved_minor', 'paid_minor'];

/** Adds the rows of one answer to the sum of the previous ones. */
export function addUp(whole, rows) {
  for (const row of rows) {
    const name = JSON.stringify([row.site, row.program, row.partner, row.currency]);
    const before = whole.get(name);
    const amounts = AMOUNTS.map((field) => [field, BigInt(row[field]) + (before?.[field] ?? 0n)]);
    const counts = { sales: row.sales + (before?.sales ?? 0), refunds: row.refunds + (before?.refunds ?? 0) };
    whole.set(name, { ...row, ...counts, ...Object.fromEntries(amounts) });
  }
}

/** By currency, the partner with the most sales first; rows without a partner last. */
function ranked(rows) {
  const most = (one, other) => (one < other ? 1 : one > other ? -1 : 0);
  const nobody = (row) => row.program === null;
  return [...rows].sort((a, b) => nobody(a) - nobody(b) || a.currency.localeCompare(b.currency) || most(a.sales_minor, b.sales_minor));
}

export class Adding {
  #ask;
  #tell;
  /** Number of the running round: a replaced round draws nothing. */
  #round = 0;
  #isBusy = false;
  #isFirst = true;
  #nextAt = 0;
  #most = MOST_ANSWERS;

  /** `ask(cursor, times)` returns one answer, `tell` draws the sums. */
  constructor(ask, tell) {
    this.#ask = ask;
    this.#tell = tell;
  }

  /** Starts over for another time. */
  reset() {
    this.#round += 1;
    this.#isBusy = false;
    this.#isFirst = true;
    this.#nextAt = 0;
    this.#most = MOST_ANSWERS;
  }

  /** Adds up everything, however long that takes. */
  goOn(times) {
    this.reset();
    this.#most = Infinity;
    this.turn(times);
  }

  /** Begins a round if one is due; resolves after the first drawing. */
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
        // The first round shows partial sums; later ones draw only complete sums.
        if (this.#isFirst || !cursor || isPaused) {
          this.#tell({ rows: ranked(whole.values()), conversions, reachesBackTo, isWhole: !cursor, isPaused });
        }
        drawn();
      } while (cursor && answers < this.#most);
    } catch {
      // The lists report that the proxy does not answer; the next round tries again.
    }
    drawn();
    if (round !== this.#round) return;
    this.#isBusy = false;
    this.#isFirst = false;
    this.#nextAt = Date.now() + Math.max(SHORTEST_PAUSE_MS, PAUSE_TIMES * (Date.now() - begun));
  }
}
