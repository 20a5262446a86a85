// The simulator's page: moves time, arms a vendor's fault or ends it, and shows what each vendor has as it changes.
const $ = (selector, root = document) => root.querySelector(selector);

/** How often the page looks for what is new. */
const LOOK_MS = 1_500;

async function call(method, path, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {};
  const answer = await fetch(`/control/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`the simulator answered ${answer.status}`);
  return answer.json();
}

/** Runs `work` while a button is off; a failure is told beside the button. */
async function whileBusy(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    button.nextElementSibling.textContent = `That failed: ${error.message}. Is the simulator still running?`;
    button.disabled = false;
  }
}

function showTime({ now_ms: now }) {
  $('#time').disabled = false;
  $('#time-said').textContent = `Simulated time: ${new Date(now).toLocaleString('en-GB')}`;
}

function showFault(section, fails) {
  const { title } = section.dataset;
  const button = $('button', section);
  Object.assign(button, { disabled: false, ariaPressed: String(fails) });
  button.textContent = fails ? `Let ${title} answer again` : `Make ${title} fail`;
  $('[role=status]', section).textContent = fails ? `${title} is away: every call gets 503.` : `${title} answers.`;
}

const sections = [...document.querySelectorAll('[data-vendor]')];
const armed = call('GET', 'faults');
for (const section of sections) {
  const { vendor } = section.dataset;
  const button = $('button', section);
  button.addEventListener('click', () => whileBusy(button, async () => {
    const fails = button.ariaPressed === 'true';
    const fault = { vendor, kind: 'status', status: 503, retry_after_s: 3600 };
    await (fails ? call('DELETE', `faults?vendor=${vendor}`) : call('POST', 'faults', fault));
    showFault(section, !fails);
  }));
  whileBusy(button, async () => showFault(section, (await armed).faults.some((fault) => fault.vendor === vendor)));
}
$('#time').addEventListener('click', () => whileBusy($('#time'), async () => showTime(await call('POST', 'clock', { advance_ms: 3_600_000 }))));
whileBusy($('#time'), async () => showTime(await call('GET', 'clock')));

/** Takes over what has changed since; a simulator that is away is told by the buttons. */
async function look() {
  const answer = await fetch('/', { cache: 'no-store' });
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const section of sections) {
    const [shown, now] = [$('.has', section), page.getElementById($('.has', section).id)];
    if (shown.innerHTML !== now.innerHTML) shown.innerHTML = now.innerHTML;
  }
}

setInterval(() => document.hidden || look().catch(() => {}), LOOK_MS);
