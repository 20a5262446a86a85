// The demo's shop as a single-page site: links between its pages become client-side route changes, the doors of the
// landing page get their addresses, and forms.js, consent.js and trail.js get the page they work on. It knows nothing
// of tokens or the proxy; where a conversion goes is the SDK's business.

import { ask, offerToReconsider } from './consent.js';
import { prepareForms } from './forms.js';
import { neighbours } from './neighbours.js';
import { tellArrival, tellWaiting } from './trail.js';

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Doors have no address until it is known who stands behind them: a link that leads nowhere would be a lie. */
async function openDoors() {
  const { simulator, ledger } = await neighbours;
  for (const door of $$('[data-link]')) {
    if (simulator) door.href = `${simulator}/${door.dataset.link}`;
  }
  const watch = $('[data-ledger]');
  if (ledger) Object.assign(watch, { href: ledger, target: '_blank', rel: 'noopener' });
}

function markThisPage() {
  for (const link of $$('nav a')) {
    if (link.pathname === location.pathname) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function markThisMonth() {
  const month = $$('[data-year] thead th')[new Date().getMonth()];
  month?.setAttribute('aria-current', 'date');
}

/** The page that is shown; a jump within it is no way to another one. */
let shown = location.pathname + location.search;

/** Shows another page of the shop without a page load; the foot with what Trailmark did stays. */
async function go(url, { push }) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} for ${url}`);
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  if (push) history.pushState(null, '', url);
  shown = location.pathname + location.search;
  document.title = page.title;
  $('#page').replaceWith($('#page', page));
  enter();
  const { hash } = new URL(url);
  if (hash) return $(hash)?.scrollIntoView();
  $('#page').focus({ preventScroll: true });
  scrollTo(0, 0);
}

function routed(event) {
  const link = event.target.closest('a[href]');
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  const ours = link?.origin === location.origin && !link.target && !link.getAttribute('href').startsWith('#');
  if (!plain || !ours || 'arrival' in link.dataset) return;
  event.preventDefault();
  go(link.href, { push: true }).catch(() => location.assign(link.href));
}

function enter() {
  markThisPage();
  markThisMonth();
  openDoors();
  prepareForms();
}

document.addEventListener('click', routed);
addEventListener('popstate', () => {
  if (location.pathname + location.search !== shown) go(location.href, { push: false }).catch(() => location.reload());
});
enter();
ask(() => {
  tellWaiting();
  tellArrival();
});
offerToReconsider();
tellArrival();
