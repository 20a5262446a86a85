// Bound forms as pages send them (field-faults row 36): by the browser, by `form.submit()` after a captcha, from a shadow root, by
// Turbo and by htmx. A form counts once, when it has really gone out, and with what was sent; what cannot be seen is told with
// data-debug. Turbo and htmx are the real ones.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { browsers } from './support/browser.mjs';
import { brought, effects, one } from './support/effects.mjs';
import { passage } from './support/passage.mjs';
import { Product, ROOT, until } from './support/product.mjs';

const PLAIN = '<!doctype html><html lang="en"><title>shop</title><link rel="icon" href="data:,">';
const ADA = { partner: 'ada', query: 'ps_partner_key=YWRh' };
const LIBRARIES = { turbo: '@hotwired/turbo/dist/turbo.es2017-umd.js', htmx2: 'htmx2/dist/htmx.js', htmx4: 'htmx.org/dist/htmx.js' };

const form = (attributes, more = '') => `<form data-trailmark="signup" ${attributes}>
  <label>E-mail <input name="email"></label>${more}<button>Join</button>
</form>`;
const posted = (path, more) => form(`method="post" action="${path}"`, more);
const library = (name) => `<script src="/${name}.js"></script>`;

/** The form in an open shadow root, where the page's own styles do not reach it. */
const SHADOW = `<x-form></x-form><script>
  customElements.define('x-form', class extends HTMLElement {
    constructor() {
      super();
      this.attachShadow({ mode: 'open' }).innerHTML = ${JSON.stringify(posted('/join'))};
    }
  });
</script>`;

/** A captcha: the submission is kept back until it is solved, and then made by a call. */
const CAPTCHA = `<script>
  const form = document.querySelector('form');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    setTimeout(() => form.submit());
  });
</script>`;

let between, product;
before(async () => {
  between = await passage();
  const files = (snippet) => {
    const page = (html) => PLAIN + snippet.replace('data-site', 'data-debug data-site') + html;
    return {
      'plain.html': page(posted('/join')),
      'dataset.html': page(posted('/join', '<input type="hidden" name="dataset" value="x"><input type="hidden" name="data.plan" value="pro">')),
      'captcha.html': page(posted('/join') + CAPTCHA),
      'got.html': page(form('action="/welcome.html"') + CAPTCHA),
      'shadow.html': page(SHADOW),
      'turbo.html': page(library('turbo') + posted('/join')),
      'turbo_refused.html': page(library('turbo') + posted('/refuse')),
      'htmx2.html': page(library('htmx2') + form('hx-post="/swap" hx-disabled-elt="find input"')),
      'htmx2_redirect.html': page(library('htmx2') + form('hx-post="/redirect"')),
      'htmx2_refused.html': page(library('htmx2') + form('hx-post="/refuse"')),
      'htmx2_checked.html': page(library('htmx2') + form('hx-post="/swap" hx-trigger="change" hx-swap="none"')),
      'htmx4.html': page(library('htmx4') + form('hx-post="/swap"')),
      'htmx4_refused.html': page(library('htmx4') + form('hx-post="/refuse"')),
      'prevented.html': page(`${posted('/join')}<p></p><script>
        document.querySelector('form').addEventListener('submit', (event) => {
          event.preventDefault();
          document.querySelector('p').textContent = 'Taken by a script';
        });
      </script>`),
      'welcome.html': page('<h1>Welcome</h1>'),
    };
  };
  product = await Product.start({ files, pages: between.url, extra: 'signups_per_visitor = 100' });
  between.to(product.site);
  for (const [name, path] of Object.entries(LIBRARIES)) {
    between.serve(`/${name}.js`, 'text/javascript', readFileSync(join(ROOT, 'tests', 'node_modules', path), 'utf8'));
  }
  between.serve('/join', 'text/html', '', { status: 303, headers: { location: '/welcome.html' } });
  between.serve('/swap', 'text/html', '<h1>Welcome</h1>');
  between.serve('/redirect', 'text/html', '', { headers: { 'hx-redirect': '/welcome.html' } });
  between.serve('/refuse', 'text/html', '<h1>Not an address</h1>', { status: 422 });
});
after(async () => {
  between?.close();
  await product?.stop();
});

/** Comes by Ada's link to a page with a form. */
async function comes(t, fresh, name) {
  const page = await fresh(t);
  await page.prepare('window.root = () => document.querySelector("x-form")?.shadowRoot ?? document');
  await page.goto(`${between.url}/${name}.html?${ADA.query}`);
  await brought(page, 'ada');
  return page;
}

/** Enters the form of the page, or of its shadow root, fills it in, and presses its button, unless a change is enough. */
async function joins(page, email, presses = true) {
  await page.evaluate(() => root().querySelector('[name=email]').focus());
  // Nobody types so fast that forms.js has not come by then.
  const forms = await until('forms.js has come', () => page.said.requests.find(({ url }) => /_forms\.js$/.test(url)));
  await page.evaluate((url) => import(url), forms.url);
  await page.evaluate(([email, presses]) => {
    const field = root().querySelector('[name=email]');
    field.value = email;
    field.dispatchEvent(new Event('change', { bubbles: true }));
    if (presses) root().querySelector('button').click();
  }, [email, presses]);
}

const ledger = (email) => product.json('conversions', 'list', '--limit', '1000').filter(({ external_id }) => external_id === email);

for (const { name, fresh } of browsers) {
  for (const kind of ['plain', 'dataset', 'captcha', 'got', 'shadow', 'turbo', 'htmx2', 'htmx2_redirect', 'htmx4']) {
    // field-faults row 36
    test(`a bound form counts once when it has gone out: ${kind} in ${name}`, async (t) => {
      const page = await comes(t, fresh, kind), email = `${kind}_${name}@example.org`.toLowerCase();
      await joins(page, email);
      await page.sees('Welcome');
      assert.deepEqual(await effects(product, email), one(ADA));
      assert.equal(ledger(email).length, 1);
      assert.deepEqual(page.said.errors, []);
    });
  }

  for (const kind of ['turbo_refused', 'htmx2_refused', 'htmx4_refused', 'htmx2_checked', 'prevented']) {
    // field-faults row 36
    test(`a bound form that has not gone out does not count: ${kind} in ${name}`, async (t) => {
      const page = await comes(t, fresh, kind), email = `${kind}_${name}@example.org`.toLowerCase();
      await joins(page, email, kind !== 'htmx2_checked');
      if (kind === 'prevented') {
        await page.sees('Taken by a script');
        await until('the console says so', () => page.said.console.some((line) => line.includes('a script has prevented a bound form')));
      } else {
        const path = kind === 'htmx2_checked' ? '/swap' : '/refuse';
        await until('the server has answered', () => page.evaluate((path) => performance.getEntriesByName(location.origin + path).length > 0, path));
      }
      // What comes after it on the same page is in the ledger.
      const key = `after_${email}`;
      await page.evaluate((key) => trailmark.signup({ customerKey: key, email: key }), key);
      assert.deepEqual(await effects(product, key), one(ADA));
      assert.deepEqual(ledger(email), []);
    });
  }
}
