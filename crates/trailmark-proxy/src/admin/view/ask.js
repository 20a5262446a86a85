// Reads JSON from the operator's listener with the admin key, which stays in this tab, and shows a form for the key if the
// listener requires one. view.js and conversion.js use it and draw the answers.

const KEY = 'trailmark-admin-key';

/** The URL of the ledger view's root, from any page below it. */
export const HOME = new URL('.', import.meta.url);

/** The listener requires a key, or another one. */
export class Refused extends Error {}

/** The listener answered with a problem document; `status` is the HTTP status. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail ?? `HTTP ${status}`);
    this.status = status;
  }
}

/**
 * Requests `path` of `v1`, with POST if there is a `body`; `accept` is the answer's format. Throws `Refused`, `Problem`, or
 * `fetch`'s error if there is no answer.
 */
export async function ask(path, { body, accept = 'application/json', patienceMs = 10_000 } = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { Accept: accept, ...(key && { Authorization: `Bearer ${key}` }) };
  const posted = body && { method: 'POST', body: JSON.stringify(body), headers: { ...headers, 'Content-Type': 'application/json' } };
  const signal = AbortSignal.timeout(patienceMs);
  const answer = await fetch(new URL(path, HOME), { headers, ...posted, cache: 'no-store', signal });
  if (answer.status === 401) throw new Refused();
  if (!answer.ok) throw new Problem(answer.status, (await answer.json().catch(() => ({}))).detail);
  return answer;
}

export const read = async (path, question) => (await ask(path, question)).json();

const byId = (id) => document.getElementById(id);

/** Shows the form for the key instead of the page; calls `opened` after a key was entered. */
export function lock(opened) {
  const wrong = sessionStorage.getItem(KEY) !== null;
  sessionStorage.removeItem(KEY);
  byId('ledger').hidden = true;
  byId('door').hidden = false;
  byId('refused').textContent = wrong ? 'The listener refused that key.' : '';
  byId('door').onsubmit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, byId('key').value.trim());
    byId('key').value = '';
    opened();
  };
  byId('key').focus();
}

/** Shows the page again. */
export function unlock() {
  byId('door').hidden = true;
  byId('ledger').hidden = false;
}
