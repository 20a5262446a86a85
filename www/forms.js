// The shop's two forms. Signup makes an account on the spot and reports it; checkout has the shop's backend price and
// sign the order, and passes the signed text on. What was bought or not never depends on what Trailmark says: that
// only makes a sentence.

import { neighbours } from './neighbours.js';
import { said, tellResult, tellVendor } from './trail.js';

const $ = (selector, root = document) => root.querySelector(selector);

/** How long the shop’s backend may take. */
const BACKEND_MS = 8000;

/** The address of the account that was made on this visit; in memory, since the shop keeps nothing unasked. */
let known = '';

/** One purchase: the backend makes one order of it, however often the button is pressed. */
let cart = crypto.randomUUID();

/** The shop's account, made up on the spot; a real shop asks its backend. */
function account(email) {
  const letters = [...email.trim().toLowerCase()];
  return `u-${letters.reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)) >>> 0, 7).toString(36)}`;
}

const euros = (cents) => `€${(cents / 100).toFixed(2)}`;

/** Finds the forms of the page that was just entered. */
export function prepareForms() {
  const form = $('form[data-form]');
  if (!form) return;
  const query = new URLSearchParams(location.search);
  const plan = [...form.elements.plan].find(({ value }) => value === query.get('plan'));
  if (plan) plan.checked = true;
  if (known && form.elements.email) form.elements.email.value = known;
  form.addEventListener('submit', { signup: signUp, checkout: checkOut }[form.dataset.form]);
  form.addEventListener('input', ({ target }) => target.getAttribute('aria-invalid') === 'true' && check(target));
  if ($('[data-total]', form)) {
    form.addEventListener('change', () => total(form));
    total(form);
  }
}

/** Says beside a field what it lacks; whether it lacks nothing. */
function check(input) {
  const place = document.getElementById(input.getAttribute('aria-describedby'));
  const { missing, wrong } = place.dataset;
  // Spaces alone satisfy `required`.
  const flaw = input.value.trim() ? !input.validity.valid && wrong : missing;
  input.setAttribute('aria-invalid', String(Boolean(flaw)));
  place.textContent = flaw || '';
  return !flaw;
}

/** Whether the form can go; else the first field that cannot has the focus. */
function isComplete(form) {
  const wrong = [...form.querySelectorAll('.field input')].filter((input) => !check(input));
  wrong[0]?.focus();
  return wrong.length === 0;
}

/** Holds a form's button while `work` runs, so that it is pressed once. */
async function whileBusy(form, words, work) {
  const button = $('button', form);
  const before = button.textContent;
  Object.assign(button, { disabled: true, textContent: words });
  try {
    return await work();
  } finally {
    Object.assign(button, { disabled: false, textContent: before });
  }
}

function element(tag, text, members = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, members);
}

/** Puts the answer in the place of the form, and keeps the form's height: a late answer must not move what is below. */
function show(title, sentence, result, onwards) {
  const box = $('[data-result]');
  const detail = [result.status, result.code, result.conversionId].filter(Boolean).join(' · ');
  const label = element('p', 'Trailmark’s answer: ', { className: 'word' });
  label.append(element('code', detail));
  const heading = element('h1', title, { tabIndex: -1 });
  const told = element('p', said(result));
  told.dataset.said = '';
  box.replaceChildren(heading, element('p', sentence), told, label, onwards);
  box.parentElement.style.minHeight = `${box.parentElement.offsetHeight}px`;
  $('[data-before]').hidden = true;
  box.hidden = false;
  heading.focus();
}

async function signUp(event) {
  event.preventDefault();
  const form = event.target;
  if (!isComplete(form)) return;
  const { name, email, plan } = Object.fromEntries(new FormData(form));
  const result = await whileBusy(form, 'Creating …', () =>
    trailmark.signup({ customerKey: account(email), email: email.trim(), name: name.trim(), data: { plan } }));
  known = email.trim();
  tellResult('signup', result);
  tellVendor('signup', [account(email), email.trim(), result.conversionId], result);
  const onwards = plan === 'windowsill'
    ? element('a', 'See what more ground costs', { href: '/pricing.html', className: 'button plain' })
    : element('a', 'Go to checkout', { href: `/checkout.html?plan=${encodeURIComponent(plan)}`, className: 'button' });
  show(`Welcome, ${name.trim()}`, 'Your account is there.', result, onwards);
}

const chosen = (form) => [...form.querySelectorAll('[data-cents]:checked')];

function total(form) {
  const cents = chosen(form).reduce((sum, { dataset }) => sum + Number(dataset.cents), 0);
  $('[data-total]', form).textContent = euros(cents);
}

/** The order as the shop's backend prices and signs it. */
async function placed(form, email) {
  const { simulator } = await neighbours;
  if (!simulator) throw new Error('no backend');
  const items = chosen(form).map(({ value }) => ({ sku: value, quantity: 1 }));
  const answer = await fetch(`${simulator}/shop/orders`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ cart, customer_key: account(email), items }),
    signal: AbortSignal.timeout(BACKEND_MS),
  });
  if (!answer.ok) throw new Error(`the backend answered ${answer.status}`);
  return answer.json();
}

async function checkOut(event) {
  event.preventDefault();
  const form = event.target;
  const failed = $('[data-failed]', form);
  failed.textContent = '';
  if (!isComplete(form)) return;
  const email = form.elements.email.value;
  await whileBusy(form, 'Placing the order …', async () => {
    const order = await placed(form, email).catch(() => null);
    if (!order) {
      failed.textContent = 'The shop’s backend does not answer. Nothing was ordered; try again in a moment.';
      return;
    }
    const result = await trailmark.sale({ order: order.order });
    cart = crypto.randomUUID();
    tellResult('order', result);
    tellVendor('order', [order.key], result);
    const home = element('a', 'Back to the garden', { href: '/', className: 'button plain' });
    const sum = `Your order ${order.key.slice(2, 10)} is placed: ${euros(order.amount_minor)}, and no money was taken.`;
    show('Thank you', sum, result, home);
  });
}
