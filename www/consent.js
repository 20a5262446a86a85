// The shop's question whether it may remember who sent a visitor. It asks where the site requires consent, keeps the
// answer under a key of the shop's own, and states it to the SDK on every page; what follows from it is the SDK's
// business. "Later" is kept nowhere: the next page load asks again.

const KEY = 'furrow-consent';
const box = document.querySelector('[data-ask]');

/** What was answered on an earlier page; a browser without storage is asked each time. */
function remembered() {
  try {
    const choice = localStorage.getItem(KEY);
    return ['granted', 'denied'].includes(choice) ? choice : null;
  } catch {
    return null;
  }
}

function remember(choice) {
  try {
    if (choice === 'pending') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // Then this page alone knows.
  }
}

/** Global Privacy Control is an answer already, and outranks any other. */
export const isPrivate = () => navigator.globalPrivacyControl === true;

/** Whether the site asks at all: `trailmark snippet` writes `pending` where consent is required. */
const isRequired = () => document.querySelector('script[data-site]')?.dataset.consent === 'pending';

let stated = remembered() ?? (isRequired() ? 'pending' : 'granted');

/** What the visitor has said: `granted`, `denied` or `pending`. */
export const choice = () => (isPrivate() ? 'denied' : stated);

const show = (shown) => {
  box.hidden = !shown;
};

// Room at the end of the page, so that nothing lies under the question for good.
const makeRoom = () => document.documentElement.style.setProperty('--asked', `${box.offsetHeight}px`);
new ResizeObserver(makeRoom).observe(box);

/** States what was answered before, and asks where nothing was. `changed` is called after every answer. */
export function ask(changed) {
  if (remembered()) trailmark.consent(stated);
  box.addEventListener('click', async ({ target }) => {
    const answer = target.closest('[data-choice]')?.dataset.choice;
    if (!answer) return;
    const focused = box.contains(document.activeElement);
    stated = answer;
    remember(answer);
    show(false);
    // The question came first on the page; whoever answered it by keyboard goes on from there.
    if (focused) document.querySelector('#page').focus({ preventScroll: true });
    await trailmark.consent(answer);
    changed();
  });
  show(stated === 'pending' && !isPrivate());
}

/** The way back to the question, from the foot of every page. */
export function offerToReconsider() {
  document.querySelector('[data-reconsider]').addEventListener('click', () => {
    show(true);
    box.querySelector('button').focus();
  });
}
