// The types of `init`, of the object that `init` returns (the same calls as `window.trailmark`), and of the objects that its
// calls take and return.
// Hand-written, because the stub defines the public calls, not the module. Declares only what works in this version.

/** The consent that a page states, or that is in force. Global Privacy Control turns every state into `denied`. */
export type ConsentState = 'granted' | 'denied' | 'pending';

/**
 * What the settings say about consent: a state, or `auto`, which follows the page's consent platforms (IAB TCF, IAB GPP, Google
 * Consent Mode). `auto` is `pending` until they have answered; their strictest answer counts, and a later answer is followed.
 */
export type ConsentSetting = ConsentState | 'auto';

/** The state of the SDK once it is ready. */
export interface Ready {
  /** Whether this visitor has a touch of a partner. */
  attributed: boolean;
  /**
   * `wasm` if the module runs; `js` if the page's policy or the browser refuses WebAssembly, and the same module runs as
   * JavaScript; `idle` if it has no work on this page, in which case the first conversion loads it; `off` if it cannot run
   * (blocked, too old a browser).
   */
  mode: 'wasm' | 'js' | 'idle' | 'off';
}

/** One referral arrival in one program. */
export interface Touch {
  program: string;
  /** The partner's key; absent if only a vendor's click id is known. */
  partner?: string;
  /** Time of the touch; RFC 3339. */
  at: string;
  /** End of the touch's window; RFC 3339. */
  expiresAt: string;
}

/** A customer in plain words. */
export interface PlainCustomer {
  /**
   * Your own key for the customer, 1 to 255 characters. A number below 2^53 is converted to text; pass a larger number as text.
   * The text of a missing value, such as `undefined` or `0`, is refused.
   */
  customerKey: string | number;
  /** At most 254 characters; a text that is not an address is left out. */
  email?: string;
  /** At most 200 characters; a longer one is cut. */
  name?: string;
  /** Free text for the vendor: at most 25 entries, keys of 64 and values of 500 characters; a longer text is cut. */
  data?: Record<string, string | number>;
}

/** A customer that your backend signed: a JWS, passed on unchanged. */
export interface SignedCustomer {
  customer: string;
  data?: Record<string, string | number>;
}

/** One line of an order. Lines only explain the order's amount. */
export interface Item {
  sku: string;
  category?: string;
  /** In minor units of the order's currency. */
  unitAmountMinor: number;
  quantity: number;
}

/** An order in plain words. A page cannot prove an amount: the sale is `held` until a server or a person confirms it. */
export interface PlainOrder {
  /** Your own key for the order; the rules of `customerKey` apply. */
  orderKey: string | number;
  /** The net commissionable total, discounts deducted, in minor units: cents of EUR, yen of JPY, fils of KWD. */
  amountMinor: number;
  /** An ISO 4217 code, in any case. */
  currency: string;
  items?: Item[];
}

/** An order that your backend signed: a JWS, passed on unchanged. It counts without confirmation. */
export interface SignedOrder {
  order: string;
}

/** A sale: an order and its customer. A signed order names the customer itself. */
export type Sale =
  | ((PlainCustomer | SignedCustomer) & PlainOrder)
  | (Partial<PlainCustomer> & SignedOrder)
  | (SignedCustomer & SignedOrder);

/** A program that is credited with a conversion. */
export interface Credit {
  program: string;
  partner?: string;
}

/** An optional field that was wrong or missing. The conversion counts nevertheless. */
export interface Warning {
  /** The proxy's name of the field, such as `customer.email` or `data.plan`. */
  field: string;
  /**
   * `blank`, `not_an_email`, `wrong_type`: left out; `cut`, `controls`: repaired; `too_many`: the first 25 entries
   * were kept; `missing_for:` and a program: the program's vendor needs the field.
   */
  code: string;
}

/** The result of a conversion. */
export interface Result {
  /**
   * From the proxy: `accepted`, `duplicate` (another conversion has the key), `held` (a server or a person must confirm it),
   * `unattributed` (no partner is credited), `rejected`. From the SDK: `queued` (kept in storage, sent later), `ignored`
   * (consent is denied), `failed` (`code` says why).
   */
  status: 'accepted' | 'duplicate' | 'held' | 'unattributed' | 'rejected' | 'queued' | 'ignored' | 'failed';
  /**
   * A stable word, such as `no_touch`, `consent`, `consent_pending` (kept in memory, and sent if consent is granted before the
   * page is left), `malformed`, `timeout`, `unreachable`, `refused`, `no_crypto`, `not_loaded`, or the proxy's own code, such as
   * `site_unknown`. With `queued`, the code says why the conversion waits.
   */
  code?: string;
  conversionId?: string;
  attribution?: Credit[];
  /** Present if the proxy answered and a field was wrong or missing; `data-debug` also prints the warnings. */
  warnings?: Warning[];
}

/** Settings of one site in one document; a script tag carries them as `data-` attributes. */
export interface Settings {
  /** The site's id in the proxy's configuration. */
  site: string;
  /** Where the proxy is mounted: a path from the root, or an address. Default: `/tm`; for a script tag, its own address. */
  endpoint?: string;
  /** Default: `pending`. */
  consent?: ConsentSetting;
  /** Generic parameter names that count as a partner key on this page, such as `via`. */
  params?: string[];
  /**
   * Where the page finds the package's `sdk_bg.wasm`, of the same version, if its bundler does not handle the file.
   * `trailmark/inline` has the module in it and ignores this.
   */
  wasmUrl?: string | URL;
  /** Explains mistakes on the console, and says when everything works. */
  debug?: boolean;
}

/** The settings that you can still change before the module is loaded. */
export type LateSettings = Partial<Pick<Settings, 'endpoint' | 'consent' | 'params' | 'debug'>>;

/** No call throws, and no promise rejects; each settles within 300 ms of the call or of `ready`, for which it waits five seconds at most. */
export interface Trailmark {
  readonly ready: Promise<Ready>;
  /** The current touch, or `null`. */
  touch(): Promise<Touch | null>;
  /** Reports a new customer. */
  signup(customer: PlainCustomer | SignedCustomer): Promise<Result>;
  /** Reports a person who showed interest. */
  lead(customer: PlainCustomer | SignedCustomer): Promise<Result>;
  /** Reports an order of a customer. */
  sale(sale: Sale): Promise<Result>;
  /** A random id from the ledger for a checkout's reference field, 1 to 200 of `[A-Za-z0-9_-]`; `null` without a touch. */
  reference(): Promise<string | null>;
  /**
   * States consent; returns the state that is now in force. With `consent: 'auto'` a refusal counts, the call's or a platform's;
   * otherwise the call counts, not the platforms.
   */
  consent(state: ConsentState): Promise<ConsentState>;
  /** Changes settings before the module is loaded; returns whether the call came in time. */
  config(settings: LateSettings): Promise<boolean>;
}

/**
 * Returns the calls for one site. The same site returns the same object, with the settings of the first call; one document can
 * have several sites. Call `init` where the page starts, before a router changes the address: `init` remembers how the visitor
 * came. If the snippet's inline stub has run, `init` takes over and returns its `window.trailmark`. On a server, and in a test
 * with jsdom or happy-dom, `init` does nothing: `ready` says `off`, `touch` and `reference` return `null`, conversions are
 * `failed` with `not_loaded`.
 */
export declare function init(settings: Settings): Trailmark;

declare global {
  interface Window {
    trailmark: Trailmark;
  }
  /** Exists after the stub has run: the inline stub, or otherwise `sdk.js`. Importing the package does not create it. */
  // eslint-disable-next-line no-var
  var trailmark: Trailmark;
}
