//! Every limit of the wire, with its unit and reason. Numbers only; each is enforced elsewhere.

/// Bytes of a request body to `v1/clicks` or `v1/conversions`. Browsers let all `keepalive` requests of a page share
/// 64 KiB (Fetch standard), so nothing larger can arrive from a page that is being left.
pub const BODY_BYTES: usize = 64 * 1024;

/// Bytes of a referrer, and of the address that a link redirects to.
pub const URL_BYTES: usize = 8 * 1024;

/// Bytes of a landing URL's path that leave the page.
pub const PATH_BYTES: usize = 1024;

/// Bytes of a parameter's name as written in the address: enough for a configured name of 64 letters, each escaped.
pub const PARAM_BYTES: usize = 200;

/// Bytes of a parameter's or cookie's value as written, percent-encoding included: enough for a key of 255 letters in
/// base64, each letter escaped. A longer value is unusable, and is cut where an address is sent or stored.
pub const VALUE_BYTES: usize = 1024;

/// Bytes of a landing URL that the ledger keeps, so that a list of touches stays short.
pub const STORED_URL_BYTES: usize = 1024;

/// Bytes that the ledger keeps of one path segment or one value.
pub const STORED_PART_BYTES: usize = 256;

/// Characters of a vendor's click id. Introw accepts 1 to 256 (developers.introw.io), the longest of the four.
pub const CLICK_ID_CHARS: usize = 256;

/// Characters of a partner key, and of a customer or order key. PartnerStack accepts 255 (reference/transactions).
pub const KEY_CHARS: usize = 255;

/// Characters of an e-mail address: RFC 5321 § 4.5.3.1.3 allows 254 between the brackets.
pub const EMAIL_CHARS: usize = 254;

/// Characters of a person's or company's name. A vendor's adapter cuts to the vendor's own limit.
pub const NAME_CHARS: usize = 200;

/// Entries of a conversion's `data`.
pub const DATA_ENTRIES: usize = 25;

/// Characters of a name in `data`.
pub const DATA_NAME_CHARS: usize = 64;

/// Characters of a value in `data`.
pub const DATA_VALUE_CHARS: usize = 500;

/// Lines of one order.
pub const ORDER_ITEMS: usize = 200;

/// Cookies that one arrival may report.
pub const COOKIES: usize = 16;

/// Bytes of one reported cookie value; browsers keep 4,096 for name, value and attributes together (RFC 6265 § 6.1).
pub const COOKIE_BYTES: usize = 4096;

/// Generic parameter names of one program.
pub const PARAMS: usize = 16;

/// Milliseconds of the oldest believed arrival: `at` gives an age, at most a day.
pub const ARRIVAL_AGE_MS: i64 = 24 * 60 * 60 * 1000;

/// Milliseconds after a click within which the page behind the link must be reached, for the link's carrier to count.
pub const CARRIER_MS: i64 = 60 * 1000;

/// Milliseconds for which the proxy keeps a carrier: the page behind the link was reached in time, but may have to ask for
/// consent before it reports anything.
pub const CARRIER_KEPT_MS: i64 = 30 * 60 * 1000;

/// Milliseconds by which an envelope's `iat` may be ahead of the proxy's clock.
pub const FUTURE_SKEW_MS: i64 = 60 * 1000;

/// Days that a cookie may live at most; browsers cut longer lives (RFC 6265bis § 5.5).
pub const COOKIE_DAYS: i64 = 400;

/// Milliseconds within which every call of the SDK settles, counted from the call or from `ready`.
pub const SETTLE_MS: u32 = 300;

/// Bytes of unsent conversions that the SDK keeps in a page's storage.
pub const QUEUE_BYTES: usize = 16 * 1024;

/// Milliseconds for which an unsent conversion is kept in a page's storage: 7 days, after which Safari deletes it anyway.
pub const QUEUE_AGE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
