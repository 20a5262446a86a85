// The second half of core.js, for pages with work: starts the module with settings and arrival, answers the page's calls through
// it, and drains the stored queue. The build adds it to the glue (xtask/src/sdk_files.rs), so that it costs no request and pages
// without work do not load it; its free names are those of the glue. The module decides about conversions; where WebAssembly is
// refused, its JavaScript twin does (load.js).

// Resolves once the module has taken over. `module` is the promise of `fetch` that brings it, or what has `start` and `call` already.
// `page` is a list of: the stub's `_`; the settings; `follow()`, which resolves once consent platforms are heard; `consent()`, the
// word in force; whether a grant was withdrawn before; `open(ready)`, which resolves `ready`; `explain(error)`. Rejects if the module
// cannot run, with a LinkError if it is of another build; then nothing is taken over.
export const serve = async (module, [state, settings, follow, consent, withdrawn, open, explain]) => {
  // A carrier (crates/trailmark-wire/src/carrier.rs) belongs to this page alone. The stub has read it; whoever copies the
  // address from now on hands on nothing.
  try {
    const { href } = location, bare = href.replace(/([?&])_tm=[^&#]*(&?)/g, (all, before, after) => after && before);
    if (bare != href) history.replaceState(history.state, '', bare);
  } catch (_) {}

  // As bytes, so that a wrong MIME type does not matter.
  const brought = await module;
  const sdk = brought.arrayBuffer ? await load(await brought.arrayBuffer()) || { start, call } : brought;
  await follow();
  // In the order that src/config.rs reads. `join` leaves out what is not set.
  const site = sdk.start([
    settings.site, settings.endpoint, withdrawn ? 'granted' : consent(),
    ('' + [settings.params]).replace(/\s+/g, ','), settings.debug || '',
    state.a.id, state.a.at, state.a.again || '', state.a.url
  ].join('\0'));
  const tell = (name, argument) => sdk.call(site, name, argument);

  let timer;
  // Sends what waits, one tab at a time, until nothing waits.
  const drain = () => {
    clearTimeout(timer);
    const send = async () => {
      const pause = await tell('drain');
      if (pause) timer = setTimeout(drain, pause);
    };
    try {
      navigator.locks.request('tm_' + settings.site, send).catch(send);
    } catch (_) {
      send();
    }
  };

  // Answers a call of the page.
  const answer = async ([name, argument, resolve]) => {
    if (name == 'config') return resolve(false);
    try {
      // Of several words that waited, only the last counts; and a platform may have refused. An unknown word is explained.
      const isWord = name == 'consent' && ['granted', 'denied', 'pending'].includes(argument);
      const result = await tell(name, isWord ? consent() : argument);
      resolve(result);
      if (name == 'consent' || result && result.status == 'queued') drain();
    } catch (error) {
      explain(error);
      resolve({ status: 'failed', code: 'malformed' });
    }
  };

  // From now on the module reports the arrival.
  state.a.url = '';
  tell('').then(ready => {
    open(ready);
    drain();
  });
  state.q.push = answer;
  state.q.splice(0).map(answer);
  addEventListener('online', drain);
  // The page is back from the back/forward cache.
  addEventListener('pageshow', event => {
    if (!event.persisted) return;
    tell('resume');
    drain();
  });
};
