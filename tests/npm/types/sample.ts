// What a page in TypeScript may write, and what it may not: tsc finds an error below each `@ts-expect-error` and nowhere else.
import { init as inline } from 'trailmark/inline';
import wasmUrl from 'trailmark/sdk_bg.wasm';
import { init, type Ready, type Result, type Sale, type Settings, type Touch, type Trailmark } from 'trailmark';

const settings: Settings = {
  site: 'acme',
  endpoint: '/tm',
  consent: 'granted',
  params: ['via'],
  wasmUrl: new URL('https://cdn.example/sdk_bg.wasm'),
  debug: true,
};
const trailmark: Trailmark = init(settings);
init({ site: 'acme', wasmUrl });
inline satisfies typeof init;
// @ts-expect-error a site is needed
init({ endpoint: '/tm' });
init({ site: 'acme', consent: 'auto' });
// @ts-expect-error a slip in the state of consent
init({ site: 'acme', consent: 'grant' });

const ready: Ready = await trailmark.ready;
const mode: 'wasm' | 'js' | 'idle' | 'off' = ready.mode;
const touch: Touch | null = await trailmark.touch();
// @ts-expect-error there may be no touch
touch.program;
const reference: string | null = await trailmark.reference();
const state: 'granted' | 'denied' | 'pending' = await trailmark.consent('denied');
// @ts-expect-error a call states one of the three
trailmark.consent('auto');
const early: boolean = await trailmark.config({ params: ['via', 'ref'] });
// @ts-expect-error a site is for life
trailmark.config({ site: 'other' });

const result: Result = await trailmark.signup({ customerKey: 1, email: 'a@example.org', name: 'Ada', data: { plan: 'pro', seats: 3 } });
trailmark.lead({ customer: 'header.payload.signature' });
// @ts-expect-error of a customer there is a key or a signature
trailmark.signup({ email: 'a@example.org' });
if (result.status === 'failed') result.code?.startsWith('not');
// @ts-expect-error no such status
result.status === 'done';

const sale: Sale = {
  customerKey: 'u_1',
  orderKey: 'o_1',
  amountMinor: 1990,
  currency: 'EUR',
  items: [{ sku: 'pro', unitAmountMinor: 995, quantity: 2 }],
};
trailmark.sale(sale);
trailmark.sale({ order: 'header.payload.signature' });
trailmark.sale({ order: 'header.payload.signature', customerKey: 'u_1' });
// @ts-expect-error an amount is minor units of a currency
trailmark.sale({ customerKey: 'u_1', orderKey: 'o_1', amountMinor: 1990 });
// @ts-expect-error an order is somebody's
trailmark.sale({ orderKey: 'o_1', amountMinor: 1990, currency: 'EUR' });

window.trailmark satisfies Trailmark;
export { early, mode, reference, state };
