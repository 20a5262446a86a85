// What a page keeps, asked of the browser and not of the page. Holds no assertions.

/** The names of all that the browser keeps for an origin: cookies, storage, databases and caches, sorted. */
export async function kept(context, page, securityOrigin) {
  const session = await context.newCDPSession(page);
  const items = async (isLocalStorage) => {
    const storageId = { securityOrigin, isLocalStorage };
    return (await session.send('DOMStorage.getDOMStorageItems', { storageId })).entries.map(([name]) => name);
  };
  const { databaseNames } = await session.send('IndexedDB.requestDatabaseNames', { securityOrigin });
  const { caches } = await session.send('CacheStorage.requestCacheNames', { securityOrigin });
  const cookies = (await context.cookies()).map(({ name }) => name);
  const all = [...cookies, ...(await items(true)), ...(await items(false)), ...databaseNames, ...caches];
  await session.detach();
  return all.sort();
}

/** The names that are there once a touch is answered for, over http at loopback. */
export const EVERYTHING = ['tm_acme', 'tm_acme_click', 'tm_acme_v', 'trailmark'];

/** Lets the browser of a context state Global Privacy Control, to servers and to pages. */
export async function privately(context) {
  await context.setExtraHTTPHeaders({ 'sec-gpc': '1' });
  await context.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }));
}
