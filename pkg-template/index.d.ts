// The types of `init` and of what it gives, which has the calls of `window.trailmark`, and of the objects that go through them.
// Hand-written, since the surface is the stub's; the module behind it has none of its own. Declares what works in this version
// and nothing else.

/** What a page says, or what is in force, about consent. Global Privacy Control turns every state into `denied`. */
export type ConsentState = 'granted' | 'denied' | 'pending';

/** The state of the SDK once it is ready. */
export interface Ready {
  /** Whether a partner's touch stands behind this visitor. */
  attributed: boolean;
  /** `wasm` where the module runs; `off` where it does not (blocked, too old a browser, inside a frame). */
  mode: 'wasm' | 'js' | 'off';
}

/** One referral arrival in one program. */
export interface Touch {
  program: string;
  /** The partner's key; absent where only a vendor's click id is known. */
  partner?: string;
  /** When the touch was; RFC 3339. */
  at: string;
  /** When its window ends; RFC 3339. */
  expiresAt: string;
}

/** A customer in plain words. */
export interface PlainCustomer {
  /**
   * Your own key of the customer, 1 to 255 characters. A number below 2^53 is taken as text; pass a larger one as text. The text of
   * a missing value, such as `undefined` or `0`, is refused.
   */
  customerKey: string | number;
  /** At most 254 characters; what is no address is left out. */
  email?: string;
  /** At most 200 characters; a longer one is cut. */
  name?: string;
  /** Free text for the vendor, 25 entries of 64 and 500 characters; what is longer is cut. */
  data?: Record<string, string | number>;
}

/** A customer as your own backend has signed it: a JWS, passed through as it is. */
export interface SignedCustomer {
  customer: string;
  data?: Record<string, string | number>;
}

/** One line of an order; lines only say how its amount is made up. */
export interface Item {
  sku: string;
  category?: string;
  /** In minor units of the order's currency. */
  unitAmountMinor: number;
  quantity: number;
}

/** An order in plain words. A page cannot prove an amount, so that the proxy holds it until a server or a person confirms it. */
export interface PlainOrder {
  /** Your own key of the order, as `customerKey`. */
  orderKey: string | number;
  /** The net commissionable total, discounts deducted, in minor units: cents of EUR, yen of JPY, fils of KWD. */
  amountMinor: number;
  /** An ISO 4217 code, in any case. */
  currency: string;
  items?: Item[];
}

/** An order as your own backend has signed it: a JWS, passed through as it is. It counts without anybody's confirmation. */
export interface SignedOrder {
  order: string;
}

/** A sale: an order, and whose it is. A signed order says that itself. */
export type Sale =
  | ((PlainCustomer | SignedCustomer) & PlainOrder)
  | (Partial<PlainCustomer> & SignedOrder)
  | (SignedCustomer & SignedOrder);

/** A program that is credited with a conversion. */
export interface Credit {
  program: string;
  partner?: string;
}

/** An optional field that was not as it should be; the conversion counts all the same. */
export interface Warning {
  /** In the proxy's words, such as `customer.email` or `data.plan`. */
  field: string;
  /**
   * `blank`, `not_an_email`, `wrong_type`: it was left out; `cut`, `controls`: it was repaired; `too_many`: the first 25 entries
   * were kept; `missing_for:` and a program: the program's vendor needs it.
   */
  code: string;
}

/** What became of a conversion. */
export interface Result {
  /**
   * The proxy's word: `accepted`, `duplicate` (another conversion holds the key), `held` (somebody must confirm),
   * `unattributed` (nobody is to be credited), `rejected`. Or the SDK's: `queued` (kept in storage, sent later), `ignored`
   * (consent is denied), `failed` (`code` says why).
   */
  status: 'accepted' | 'duplicate' | 'held' | 'unattributed' | 'rejected' | 'queued' | 'ignored' | 'failed';
  /**
   * A stable word, such as `no_touch`, `consent`, `consent_pending` (kept in memory, and sent if consent is granted before the
   * page is left), `malformed`, `timeout`, `unreachable`, `refused`, `no_crypto`, `not_loaded`, or the proxy's own code, such as
   * `site_unknown`. Of `queued` it says why the conversion waits.
   */
  code?: string;
  conversionId?: string;
  attribution?: Credit[];
  /** There when the proxy has answered and something was not as it should be; `data-debug` prints it, too. */
  warnings?: Warning[];
}

/** Settings of one site in one document; a script tag carries them as `data-` attributes. */
export interface Settings {
  /** The site's id in the proxy's configuration. */
  site: string;
  /** Where the proxy is mounted: a path from the root, or an address. Default: `/tm`; of a script tag, where it came from. */
  endpoint?: string;
  /** Nothing stated means `pending`. */
  consent?: ConsentState;
  /** Generic parameter names that count as a partner key on this page, such as `via`. */
  params?: string[];
  /** Where the page finds the package's `sdk_bg.wasm`, if its bundler does not see to that. */
  wasmUrl?: string | URL;
  /** Explains mistakes on the console, and says when all is well. */
  debug?: boolean;
}

/** The settings that may still come before `ready`. */
export type LateSettings = Partial<Pick<Settings, 'endpoint' | 'consent' | 'params' | 'debug'>>;

/** No call throws, and no promise rejects; each settles within 300 ms of the call or of `ready`. */
export interface Trailmark {
  readonly ready: Promise<Ready>;
  /** The current touch, or `null`. */
  touch(): Promise<Touch | null>;
  /** A customer came into being. */
  signup(customer: PlainCustomer | SignedCustomer): Promise<Result>;
  /** Somebody showed interest. */
  lead(customer: PlainCustomer | SignedCustomer): Promise<Result>;
  /** A customer ordered something. */
  sale(sale: Sale): Promise<Result>;
  /** A random id of the ledger's for a checkout's reference field, 1 to 200 of `[A-Za-z0-9_-]`; `null` without a touch. */
  reference(): Promise<string | null>;
  /** States consent; gives the state now in force. */
  consent(state: ConsentState): Promise<ConsentState>;
  /** Settings before `ready`; gives whether they came in time. */
  config(settings: LateSettings): Promise<boolean>;
}

/**
 * The calls for one site. The same site gives the same object, with the settings of the first call; sites stand side by side.
 * Call it where the page starts, before a router changes the address: it remembers how the visitor came. Where the snippet's
 * inline stub has done so already, its `window.trailmark` is taken over and given. On a server nothing happens: `ready` tells
 * `off`, `touch` and `reference` give `null`, conversions `failed` with `not_loaded`.
 */
export declare function init(settings: Settings): Trailmark;

declare global {
  interface Window {
    trailmark: Trailmark;
  }
  /** There once the stub has run: with the inline stub always, else with `sdk.js`. Importing the package does not make it. */
  // eslint-disable-next-line no-var
  var trailmark: Trailmark;
}
