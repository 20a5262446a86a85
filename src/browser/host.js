// What a browser says in callbacks and events: timers, WebCrypto, IndexedDB. Spoken from Rust they cost the module five kilobytes,
// spoken here one. What answers by a promise is async to the letter, so that whatever the page has broken comes back as a
// rejection; of the rest what reads or writes throws nothing, and the bindings catch what does. Decides nothing; `crates/trailmark-wire` says what is signed.
//
// Pages and consent tools replace what is read here. Where the module takes a text it gets a text or nothing: the glue would
// read any other value beyond its end.
//
// The browser key is ECDSA P-256, never extractable. It lies in IndexedDB, where scripts can use but not copy it; where that
// fails it lives as long as the page; where WebCrypto fails there is none.

// The database of this SDK, one store, one entry a site. On a host with several sites all share it.
const DATABASE = 'trailmark', STORE = 'keys';
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const bytes = text => new TextEncoder().encode(text);

const generate = () => crypto.subtle.generateKey(ECDSA, false, ['sign']);

const signed = (pair, message) => crypto.subtle.sign(ECDSA, pair.privateKey, bytes(message));

// The result of a request to the database.
const result = request => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = reject;
});

// The stored pair, or a new one that is stored. Reading again and adding are one transaction, so that of two tabs which
// come at once the second takes the first one's.
const stored = async site => {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  const database = await result(request);
  const keys = mode => database.transaction(STORE, mode).objectStore(STORE);
  let pair = await result(keys('readonly').get(site));
  if (!pair) {
    const made = await generate();
    const store = keys('readwrite');
    pair = await result(store.get(site));
    if (!pair) await result(store.add(pair = made, site));
  }
  database.close();
  return pair;
};

// The public half of the key of `site` as a JWK: what `page` holds, else the stored key, else a new one, which is stored if the
// database answers within `limit` milliseconds. `page` holds it from then on. A key that cannot sign is none: a token bound to it
// would be worth less than one bound to nothing.
export const publicKey = async (page, site, limit) => {
  if (!page.pair) {
    const pair = await Promise.race([stored(site).catch(() => {}), sleep(limit)]) || await generate();
    await signed(pair, '');
    page.pair = pair;
  }
  return crypto.subtle.exportKey('jwk', page.pair.publicKey);
};

// ES256 of `message` under the key that `page` holds; WebCrypto gives R || S, as JOSE wants it.
export const sign = async (page, message) => signed(page.pair, message);

// SHA-256 of `message`.
export const sha256 = async message => crypto.subtle.digest('SHA-256', bytes(message));

// Removes the database. Other sites of this host lose their keys too, and are given new ones.
export const forget = async page => {
  delete page.pair;
  indexedDB.deleteDatabase(DATABASE);
};

// Fills `room` at random. An id must be unlikely to repeat, not hard to guess: nothing trusts it.
export const randomise = room => {
  try {
    crypto.getRandomValues(room);
  } catch (_) {
    room.forEach((_, index) => room[index] = Math.random() * 256);
  }
};

// Ends after `ms` milliseconds.
export const sleep = async ms => new Promise(resolve => setTimeout(resolve, ms));

// What `work` gives, if it does not throw.
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

// Stores `value` under `name`; gives whether it could.
export const storeText = (name, value) => !!attempt(() => (localStorage.setItem(name, value), true));

// Removes the text under `name`. Where nothing can be removed nothing was stored.
export const removeText = name => attempt(() => localStorage.removeItem(name));

// The names in localStorage that begin with `prefix`, in order.
export const names = prefix => attempt(() => Object.keys(localStorage).filter(name => name.startsWith(prefix)).sort());

// A member of the object itself: what a page adds to Object.prototype is no setting and no answer.
export const ownProperty = (of, name) => attempt(() => Object.prototype.hasOwnProperty.call(of, name) ? of[name] : undefined);

// Explains something to the page's developer, if there is a console.
export const warn = words => attempt(() => console.warn('trailmark:', words));

// Whether Global Privacy Control is on.
export const privacyControl = () => !!attempt(() => navigator.globalPrivacyControl);

// A request to the proxy. `text/plain;charset=UTF-8` is what a text as body is by itself.
// Made without the user name and password that a relative address has from its page: a request takes none in its address.
export const request = (url, method, body, keepalive) => {
  const address = new URL(url, document.baseURI);
  address.username = address.password = '';
  return new Request(address, { method, body, credentials: 'include', keepalive });
};

// What an answer says: status, seconds of `Retry-After`, body.
export const readAnswer = async answer => [answer.status, answer.headers.get('retry-after'), await answer.text()];
