// The two buttons of the simulator's page: one arms a fault or ends all faults, one moves the simulator's time.
const $ = (id) => document.getElementById(id);
const { account, title } = document.querySelector('main').dataset;

async function call(method, path, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {};
  const answer = await fetch(`/control/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`the simulator answered ${answer.status}`);
  return method === 'DELETE' ? null : answer.json();
}

function showFault(fails) {
  Object.assign($('fault'), { disabled: false, ariaPressed: String(fails) });
  $('fault').textContent = fails ? `Let ${title} answer again` : `Make ${title} fail`;
  $('fault-said').textContent = fails ? `${title} is away: every call gets 503.` : `${title} answers.`;
}

function showTime({ now_ms: now }) {
  $('time').disabled = false;
  $('time-said').textContent = `Simulated time: ${new Date(now).toLocaleString('en-GB')}`;
}

/** Runs `work` while the button is off; a failure is told beside the button. */
async function whileBusy(name, work) {
  $(name).disabled = true;
  try {
    await work();
  } catch (error) {
    $(`${name}-said`).textContent = `That failed: ${error.message}. Is the simulator still running?`;
    $(name).disabled = false;
  }
}

const FAULT = { vendor: account, kind: 'status', status: 503, retry_after_s: 3600 };

$('fault').addEventListener('click', () => whileBusy('fault', async () => {
  const fails = $('fault').ariaPressed === 'true';
  await (fails ? call('DELETE', 'faults') : call('POST', 'faults', FAULT));
  showFault(!fails);
}));
$('time').addEventListener('click', () => whileBusy('time', async () => showTime(await call('POST', 'clock', { advance_ms: 3_600_000 }))));
whileBusy('fault', async () => {
  const told = await call('GET', 'faults');
  showFault((Array.isArray(told) ? told : told.faults ?? []).length > 0);
});
whileBusy('time', async () => showTime(await call('GET', 'clock')));
