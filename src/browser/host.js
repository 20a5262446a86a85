// The browser's callbacks and events: timers, WebCrypto, IndexedDB. From Rust they would cost the module five kilobytes;
// here they cost one. A function that returns a promise is `async`, so that anything the page has broken becomes a
// rejection. Of the others, those that read or write throw nothing, and the bindings catch what the rest throws. Decides
// nothing; `crates/trailmark-wire` says what is signed.
//
// Pages and consent tools replace what is read here. Where the module expects text it gets text or nothing: the glue would
// read beyond the end of any other value.
//
// The browser key is ECDSA P-256 and never extractable. It is stored in IndexedDB, where scripts can use but not copy it.
// If IndexedDB fails, the key lives as long as the page; if WebCrypto fails, there is none.

// The database of this SDK: one store, one entry per site. All sites of a host share it.
const DATABASE = 'trailmark', STORE = 'keys';
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const bytes = text => new TextEncoder().encode(text);

const signed = (pair, message) => crypto.subtle.sign(ECDSA, pair.privateKey, bytes(message));

// The result of a request to the database.
const result = request => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = reject;
});

// The stored pair, or the one that `make` gives, which is stored. The second read and the write are one transaction, so that
// of two tabs at once the second takes the pair of the first.
const stored = async (site, make) => {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  const database = await result(request);
  const keys = mode => database.transaction(STORE, mode).objectStore(STORE);
  let pair = await result(keys('readonly').get(site));
  if (!pair) {
    const made = await make();
    const store = keys('readwrite');
    pair = await result(store.get(site));
    if (!pair) await result(store.add(pair = made, site));
  }
  database.close();
  return pair;
};

// The public half of the key of `site` as a JWK. Uses the pair in `page`, otherwise the stored pair, otherwise a new one,
// which is stored. If the database does not answer within `limit` milliseconds, `page` keeps the new pair, and a database
// without one stores the same pair later. A pair that cannot sign is not used: a token bound to it would be worth less than
// an unbound one.
export const publicKey = async (page, site, limit) => {
  if (!page.pair) {
    let made;
    const make = () => made ??= crypto.subtle.generateKey(ECDSA, false, ['sign']);
    const pair = await Promise.race([stored(site, make).catch(() => {}), sleep(limit)]) || await make();
    await signed(pair, '');
    page.pair = pair;
  }
  return crypto.subtle.exportKey('jwk', page.pair.publicKey);
};

// ES256 of `message` with the key in `page`; WebCrypto returns R || S, which JOSE expects.
export const sign = async (page, message) => signed(page.pair, message);

// SHA-256 of `message`.
export const sha256 = async message => crypto.subtle.digest('SHA-256', bytes(message));

// Removes the database. Other sites of this host lose their keys too, and make new ones.
export const forget = async page => {
  delete page.pair;
  indexedDB.deleteDatabase(DATABASE);
};

// Fills `room` with random bytes. An id must be unlikely to repeat, not hard to guess: nothing trusts it.
export const randomise = room => {
  try {
    crypto.getRandomValues(room);
  } catch (_) {
    room.forEach((_, index) => room[index] = Math.random() * 256);
  }
};

// Resolves after `ms` milliseconds.
export const sleep = async ms => new Promise(resolve => setTimeout(resolve, ms));

// The result of `work`, unless it throws.
const attempt = work => {
  try {
    return work();
  } catch (_) {}
};

const onlyText = value => typeof value == 'string' ? value : undefined;

// The text of `document.cookie`.
export const cookies = () => attempt(() => onlyText(document.cookie));

// The stored text under `name`.
export const loadText = name => attempt(() => onlyText(localStorage.getItem(name)));

// Stores `value` under `name`; returns whether that worked.
export const storeText = (name, value) => !!attempt(() => (localStorage.setItem(name, value), true));

// Removes the text under `name`. If storage is denied, nothing was stored.
export const removeText = name => attempt(() => localStorage.removeItem(name));

// The names in localStorage that begin with `prefix`, sorted.
export const names = prefix => attempt(() => Object.keys(localStorage).filter(name => name.startsWith(prefix)).sort());

// A member of the object itself: a member that a page adds to Object.prototype is neither a setting nor an answer.
export const ownProperty = (of, name) => attempt(() => Object.prototype.hasOwnProperty.call(of, name) ? of[name] : undefined);

// Prints a message for the page's developer, if there is a console.
export const warn = words => attempt(() => console.warn('trailmark:', words));

// Whether Global Privacy Control is on.
export const privacyControl = () => !!attempt(() => navigator.globalPrivacyControl);

// A request to the proxy. A text body makes it `text/plain;charset=UTF-8`. A relative address takes user name and password
// from its page; they are removed, because `Request` refuses them.
export const request = (url, method, body, keepalive) => {
  const address = new URL(url, document.baseURI);
  address.username = address.password = '';
  return new Request(address, { method, body, credentials: 'include', keepalive });
};

// The parts of an answer: status, `Retry-After` as text, body.
export const readAnswer = async answer => [answer.status, answer.headers.get('retry-after'), await answer.text()];
