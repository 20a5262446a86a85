// The demo shop's own script: turns links between its pages into client-side route changes, fills in the partner links,
// and posts a signup through `trailmark`, as any single-page shop would. It knows nothing of tokens or the proxy; where the
// conversion goes is the SDK's business.

const $ = (selector, root = document) => root.querySelector(selector);

/** Addresses of the other parts, written beside the pages by `cargo xtask demo`; absent when only the pages are served. */
const demo = fetch('/demo.json').then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({}));

async function fillLinks() {
  const { simulator, ledger } = await demo;
  for (const link of document.querySelectorAll('[data-partner]')) {
    if (simulator) link.href = `${simulator}/partnerlinks/go/${link.dataset.partner}`;
  }
  const watch = $('[data-ledger]');
  if (watch && ledger) Object.assign(watch, { href: ledger, hidden: false, target: '_blank' });
}

async function tellWhatIsKnown() {
  const { mode } = await trailmark.ready;
  const touch = await trailmark.touch();
  const known = $('[data-known]');
  known.textContent = touch
    ? `Trailmark (${mode}): ${touch.partner ?? 'a partner'} brought you, program ${touch.program}.`
    : `Trailmark (${mode}): no partner brought you here.`;
}

/** Shows another page of the shop without a page load. */
async function go(url, push) {
  const answer = await fetch(url);
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  if (push) history.pushState(null, '', url);
  document.title = page.title;
  $('nav').replaceWith($('nav', page));
  $('#page').replaceWith($('#page', page));
  $('#page').focus();
  scrollTo(0, 0);
  enter();
}

function routed(event) {
  const link = event.target.closest('a[href]');
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || link.target || link.origin !== location.origin || link.getAttribute('href') === '#') return;
  event.preventDefault();
  go(link.href, true).catch(() => location.assign(link.href));
}

/** The shop's account, made up on the spot; a real shop asks its backend. */
const account = (email) => `u_${[...email].reduce((hash, c) => (hash * 31 + c.codePointAt(0)) >>> 0, 7).toString(36)}`;

const told = {
  accepted: (who) => `Accepted: ${who} will be credited.`,
  duplicate: () => 'This customer was counted before; nobody is credited twice.',
  held: () => 'Held: somebody has to look at this signup first.',
  unattributed: () => 'No partner brought you, so nobody is credited.',
  queued: () => 'Kept on this device; it will be sent from the next page.',
};

async function signUp(event) {
  event.preventDefault();
  const form = event.target;
  const { name, email } = Object.fromEntries(new FormData(form));
  for (const input of form.querySelectorAll('input')) input.setAttribute('aria-invalid', String(!input.validity.valid));
  if (!form.checkValidity()) return form.reportValidity();
  const plan = new URLSearchParams(location.search).get('plan') ?? 'free';
  form.querySelector('button').disabled = true;
  const result = await trailmark.signup({ customerKey: account(email), email, name, data: { plan } });
  form.querySelector('button').disabled = false;
  const who = result.attribution?.[0]?.partner ?? 'the partner';
  const box = $('[data-result]');
  const line = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const detail = [result.status, result.code, result.conversionId].filter(Boolean).join(' · ');
  const text = told[result.status]?.(who) ?? 'Your account exists; the signup could not be reported.';
  box.replaceChildren(line('h2', `Welcome, ${name}`), line('p', text), line('code', detail));
  box.hidden = false;
}

function enter() {
  $('[data-signup]')?.addEventListener('submit', signUp);
  fillLinks();
}

document.addEventListener('click', routed);
addEventListener('popstate', () => go(location.href, false));
enter();
tellWhatIsKnown();
