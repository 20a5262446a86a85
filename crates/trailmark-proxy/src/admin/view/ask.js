// Asks the operator's listener for JSON with the admin key, which stays in this tab, and asks a person for that key where
// the listener wants one. Both pages of the ledger view use it; what they do with the answers stands in view.js and
// conversion.js.

const KEY = 'trailmark-admin-key';

/** The folder of the ledger view, wherever the page stands below it. */
export const HOME = new URL('.', import.meta.url);

/** The listener wants a key, or another one. */
export class Refused extends Error {}

/** Something that the listener answered with a problem document; `status` is the HTTP status. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail ?? `HTTP ${status}`);
    this.status = status;
  }
}

/**
 * One answer of `v1`; a question with a `body` is posted, in the format `accept`. Throws `Refused`, `Problem`, or what `fetch`
 * throws when nobody answers.
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

/** Shows the form for the key in the place of the page; `opened` is called once a key was typed. */
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
