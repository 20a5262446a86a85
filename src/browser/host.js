// The browser itself: timers, WebCrypto, IndexedDB, storage, requests. From Rust its callbacks and events would cost the
// module five kilobytes; here they cost one. What takes time is `perform`, whose promises never reject; what answers at once
// throws nothing. Decides nothing: src/tracker.rs says what is done, `crates/trailmark-wire` what is signed.
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

const base64url = buffer =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');

// Milliseconds that IndexedDB has to answer. Some browsers let a request hang; the page must not wait for it.
const STORE_MS = 2_000;

const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

// The key pairs in use, by site.
const pairs = { __proto__: null };

// The calls of the page that have no result yet.
const open = {};

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

// The public half of the key of `site` as a JWK. Uses the pair in use, otherwise the stored pair, otherwise a new one, which
// is stored. If the database does not answer in time, the new pair is used, and a database without one stores the same pair
// later. A pair that cannot sign is not used: a token bound to it would be worth less than an unbound one.
const publicKey = async site => {
  if (!pairs[site]) {
    let made;
    const make = () => made ??= crypto.subtle.generateKey(ECDSA, false, ['sign']);
    const pair = await Promise.race([stored(site, make).catch(() => {}), pause(STORE_MS)]) || await make();
    await signed(pair, '');
    pairs[site] = pair;
  }
  return crypto.subtle.exportKey('jwk', pairs[site].publicKey);
};

// What src/page.rs calls `Work`, by its name. Each gives the source of the HTTP status, a text, and `Retry-After`.
const works = {
  answer: async (_, call, json) => {
    open[call](attempt(() => JSON.parse(json)));
    delete open[call];
    return [];
  },
  sleep: async (_, ms) => [await pause(ms)],
  key: async (site, _, text) => {
    const [{ x, y }, hash] = await Promise.all([
      publicKey(site).catch(() => ({})),
      (async () => base64url(await crypto.subtle.digest('SHA-256', bytes(text))))().catch(() => '')
    ]);
    return [, [x, y, hash].join('\0')];
  },
  // WebCrypto returns R || S, which JOSE expects.
  sign: async (site, _, text) => [, base64url(await signed(pairs[site], text))],
  // A text body makes it `text/plain;charset=UTF-8`. A relative address takes user name and password from its page; they are
  // removed, because `Request` refuses them. With keepalive the request can outlive the document. Browsers refuse keepalive
  // beyond 64 KiB in flight, and some refuse it for DELETE.
  send: async (_, __, url, body) => {
    const address = new URL(url, document.baseURI);
    address.username = address.password = '';
    const send = async keepalive => {
      const method = body ? 'POST' : 'DELETE';
      const answer = await fetch(new Request(address, { method, body: body || undefined, credentials: 'include', keepalive }));
      return [{ status: +answer.status }, await answer.text(), answer.headers.get('retry-after')];
    };
    return send(true).catch(() => send(false));
  },
  // Resolves once a link has taken the carrier along. carry.js decorates links and is a file of its own, because most sites have
  // one host.
  carry: async (site, _, offer, body) => (await import('./carry.js')).carry(site, offer, body, works.send),
  // Removes the database. Other sites of this host lose their keys too, and make new ones.
  forget: async site => {
    delete pairs[site];
    indexedDB.deleteDatabase(DATABASE);
    return [];
  }
};

export const perform = async (work, ...what) => {
  const [source, ...texts] = await works[work](...what).catch(() => []);
  return [source || { status: 0 }, ...texts];
};

// A text, or the JSON of an object or list, which Prototype.js 1.6 makes a string that holds the list.
const textOf = value => {
  if (value == null) return '';
  if (typeof value != 'object') return value + '';
  const json = JSON.stringify(value);
  return json[0] == '"' ? JSON.parse(json) : json;
};

// The result of `work`, unless it throws.
const attempt = work => {
  try {
    return work();
  } catch (_) {}
};

const onlyText = value => typeof value == 'string' ? value : undefined;

// Random bits. An id must be unlikely to repeat, not hard to guess: nothing trusts it.
export const random = () => attempt(() => crypto.getRandomValues(new Uint32Array(1))[0]) ?? Math.random() * 2 ** 32;

// Whether Global Privacy Control is on.
export const privacyControl = () => !!attempt(() => navigator.globalPrivacyControl);

// The text of `document.cookie`.
export const cookies = () => attempt(() => onlyText(document.cookie));

// The stored text under `name`.
export const loadText = name => attempt(() => onlyText(localStorage.getItem(name)));

// Stores `text` under `name`, or removes what is there; returns whether that worked.
export const storeText = (name, text) =>
  !!attempt(() => (text ? localStorage.setItem(name, text) : localStorage.removeItem(name), true));

// The names in localStorage that begin with `prefix`, sorted, a line each.
export const names = prefix => attempt(() => Object.keys(localStorage).filter(name => name.startsWith(prefix)).sort().join('\n'));

// Members of a JSON object as texts. Its own ones: a member that a page adds to Object.prototype is no answer.
export const members = (json, names) => attempt(() => {
  const object = JSON.parse(json);
  return names.split(' ').map(name => Object.prototype.hasOwnProperty.call(object, name) ? textOf(object[name]) : '').join('\0');
});

// Prints a message for the page's developer, if there is a console.
export const warn = words => attempt(() => console.warn('trailmark:', words));

// The JSON of the page's argument. A getter of the page may throw.
export const jsonOf = argument => attempt(() => JSON.stringify(argument));

export const promised = call => new Promise(resolve => open[call] = resolve);
