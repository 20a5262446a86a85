// An application without a framework. It cleans the address as soon as it runs, as many do, and has one form.
import { trailmark } from './trailmark.js';

history.replaceState(null, '', '/');

document.querySelector('#app').innerHTML = `
  <h1>Acme Notes. <a href="#signup">Sign up</a></h1>
  <form id="signup">
    <label>Name <input name="name"></label>
    <label>E-mail <input name="email" type="email"></label>
    <button>Create account</button>
  </form>`;

const form = document.querySelector('form');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { email, name } = Object.fromEntries(new FormData(form));
  const { status, conversionId, code } = await trailmark.signup({ customerKey: email, email, name });
  form.insertAdjacentHTML('beforeend', `<output data-result>${status} ${conversionId ?? code}</output>`);
});
