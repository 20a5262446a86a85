// The types of `window.trailmark`, and of the objects that go through it. Hand-written, since the surface is the stub's and the
// loader's; the module behind them has none of its own. Declares what works in this version and nothing else.

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
  /** Your own key of the customer, 1 to 255 characters; numbers are taken as text. */
  customerKey: string | number;
  /** At most 254 characters. */
  email?: string;
  /** 1 to 200 characters. */
  name?: string;
  /** Free text for the vendor, at most 25 entries of 64 and 500 characters. */
  data?: Record<string, string | number>;
}

/** A customer as your own backend has signed it: a JWS, passed through as it is. */
export interface SignedCustomer {
  customer: string;
  data?: Record<string, string | number>;
}

/** A program that is credited with a conversion. */
export interface Credit {
  program: string;
  partner?: string;
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
   * page is left), `malformed`, `timeout`, `unreachable`, `no_crypto`, `not_loaded`, or the proxy's own code.
   */
  code?: string;
  conversionId?: string;
  attribution?: Credit[];
}

/** Settings that a script tag carries as `data-` attributes. */
export interface Settings {
  /** The site's id in the proxy's configuration. */
  site: string;
  /** Where the proxy is mounted; by default the address that the script came from. */
  endpoint?: string;
  /** Nothing stated means `pending`. */
  consent?: ConsentState;
  /** Generic parameter names that count as a partner key on this page, such as `via`. */
  params?: string[];
  /** Explains mistakes on the console. */
  debug?: boolean;
}

/** No call throws, and no promise rejects; each settles within 300 ms of the call or of `ready`. */
export interface Trailmark {
  readonly ready: Promise<Ready>;
  /** The current touch, or `null`. */
  touch(): Promise<Touch | null>;
  /** A customer came into being. */
  signup(customer: PlainCustomer | SignedCustomer): Promise<Result>;
  /** Somebody showed interest. */
  lead(customer: PlainCustomer | SignedCustomer): Promise<Result>;
  /** States consent; gives the state now in force. */
  consent(state: ConsentState): Promise<ConsentState>;
  /** Settings before `ready`; gives whether they came in time. */
  config(settings: Partial<Settings>): Promise<boolean>;
}

declare global {
  interface Window {
    trailmark: Trailmark;
  }
  /** There once the stub has run: with the inline stub always, else with `sdk.js`. */
  // eslint-disable-next-line no-var
  var trailmark: Trailmark;
}
