// The history of one conversion: the answer first, then the facts, then what happened step by step. The id is in the page's
// address, so that the page can be bookmarked and shared. Reads v1 every few seconds and redraws only changes.

import { Problem, Refused, lock, read, unlock } from './ask.js';
import { element, say, sentence } from './draw.js';
import { masked, moment, money, toned } from './say.js';

const EVERY_MS = 2000;

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const byId = (id) => document.getElementById(id);
const id = unescaped(location.pathname.split('/').at(-1));

function drawAnswer({ headline, reason, cure, tone }, subject) {
  byId('answer').className = toned(tone);
  say(byId('subject'), masked(subject));
  document.title = `${masked(headline)} · ${masked(subject)}`;
  for (const [place, text] of Object.entries({ headline, reason, cure })) {
    byId(place).hidden = !text;
    byId(place).replaceChildren(...sentence('span', '', masked(text)).childNodes);
  }
}

function facts({ conversion, credited, occurred_at: occurredAt, commissions }) {
  const { id: ledgerId, page_id: pageId, site, status, code, customer, amount, received_at: receivedAt } = conversion;
  const told = commissions.map(({ program, commission, amount: earned }) => {
    const much = earned ? `${money(earned.amount_minor, earned.currency)}, ` : '';
    return `${much}${commission} (${program})`;
  });
  return [
    ['Credited', masked(credited)],
    ['Commission', told.join('; ')],
    ['Amount', amount && money(amount.amount_minor, amount.currency)],
    ['Customer', masked(customer)],
    ['Status', code ? `${status} (${code})` : status],
    ['Happened', moment(occurredAt)],
    ['Received', occurredAt === receivedAt ? null : moment(receivedAt)],
    ['Site', site],
    ['Conversion id', ledgerId],
    ['Id on the page', pageId],
  ].filter(([, value]) => value);
}

/** Facts that need a whole line. */
const LONG = ['Conversion id', 'Id on the page'];

function drawFacts(rows) {
  const pairs = rows.map(([name, value]) => element('div', LONG.includes(name) ? 'wide' : '', element('dt', '', name), element('dd', '', value)));
  byId('facts').replaceChildren(...pairs);
}

function drawHistory(sections) {
  const made = sections.map(({ heading, lines }) => {
    const steps = lines.map(({ at, text }) => {
      const step = element('li', at ? '' : 'timeless');
      if (at) {
        const when = element('time', '', moment(at));
        when.dateTime = at;
        step.append(when);
      }
      step.append(sentence('span', '', masked(text)));
      return step;
    });
    return element('section', '', element('h2', '', heading), element('ol', '', ...steps));
  });
  byId('history').replaceChildren(...made);
}

let said = null;

async function draw() {
  const story = await read(`v1/conversions/${encodeURIComponent(id)}/history`);
  unlock();
  const now = JSON.stringify(story);
  if (now === said) return;
  said = now;
  drawAnswer(story.answer, story.subject);
  drawFacts(facts(story));
  drawHistory(story.sections);
}

/** Instead of a history: no conversion has this id, or several have. */
function drawNone(problem) {
  unlock();
  said = null;
  drawAnswer({ headline: 'No history to show', reason: problem.message, tone: 'bad' }, id);
  drawFacts([]);
  drawHistory([]);
}

function pulse(state, text) {
  byId('pulse').className = state;
  say(byId('pulse'), text);
}

async function turn() {
  try {
    await draw();
    // A red dot beside "Live" alone would say that the connection is bad.
    pulse(byId('answer').className, `Live · ${byId('headline').textContent}`);
  } catch (error) {
    if (error instanceof Refused) {
      pulse('', 'Locked');
      return lock(turn);
    }
    if (error instanceof Problem && error.status < 500) {
      drawNone(error);
      pulse('bad', 'Live');
    } else {
      pulse('lost', `The proxy does not answer (${masked(error.message)}); trying again`);
    }
  }
  setTimeout(turn, EVERY_MS);
}

turn();
