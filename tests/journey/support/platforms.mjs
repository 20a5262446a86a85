// Consent platforms for a page, written from their specifications: each function is a script for `addInitScript` or `evaluate`, and
// stands in the page as a site embeds it. First there is the platform's stub, which answers `ping`, keeps calls, and names itself
// by a locator frame; `load()` puts the platform in its place, which plays the kept calls, and `say(…)` gives the visitor's
// answer. All of them are below `window.platforms`. Holds no assertions.
//
//   IAB TCF: github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework, "CMP API v2"
//   IAB GPP: github.com/InteractiveAdvertisingBureau/Global-Privacy-Platform, "CMP API Specification" 1.1
//   Google Consent Mode: developers.google.com/tag-platform/security/guides/consent. What Google's script keeps has no
//   specification; `google_tag_data.ics` here is as that script was in 2026.

/** `platforms.tcf`: `say(data)` takes a `TCData` without what the platform adds by itself; `isAsked()`: somebody listens. */
export const tcf = () => {
  // Not in the locator frame.
  if (window.top !== window) return;
  const [queue, listeners] = [[], new Map()];
  const base = { tcfPolicyVersion: 5, cmpId: 300, cmpVersion: 1 };
  let data = {};
  let isLoaded = false;
  const ping = () => ({ cmpLoaded: isLoaded, cmpStatus: isLoaded ? 'loaded' : 'stub', displayStatus: 'hidden', apiVersion: '2.3' });
  const tell = (id) => listeners.get(id)({ ...base, cmpStatus: 'loaded', ...data, listenerId: id }, true);
  const commands = {
    ping: (callback) => callback(ping(), true),
    addEventListener: (callback) => {
      const id = listeners.size + 1;
      listeners.set(id, callback);
      tell(id);
    },
    removeEventListener: (callback, id) => callback(listeners.delete(id)),
  };
  window.__tcfapi = (...call) => {
    const [command, version, callback, parameter] = call;
    if (call.length === 0) return queue;
    if (version !== undefined && version !== 2) return callback(null, false);
    if (command === 'ping') return commands.ping(callback);
    queue.push([command, version, callback, parameter]);
  };
  const locate = () => {
    const frame = document.createElement('iframe');
    frame.name = '__tcfapiLocator';
    frame.style.display = 'none';
    document.body.append(frame);
  };
  if (document.body) locate();
  else document.addEventListener('DOMContentLoaded', locate);
  const load = () => {
    if (isLoaded) return;
    isLoaded = true;
    window.__tcfapi = (command, version, callback, parameter) =>
      commands[command] ? commands[command](callback, parameter) : callback(null, false);
    for (const call of queue.splice(0)) window.__tcfapi(...call);
  };
  const say = (next) => {
    load();
    data = next;
    for (const id of listeners.keys()) tell(id);
  };
  const isAsked = () => queue.some(([command]) => command === 'addEventListener') || listeners.size > 0;
  window.platforms = { ...window.platforms, tcf: { load, say, isAsked } };
};

/** `platforms.gpp`: `say(ping)` takes what the platform knows once it is ready; `change()` says that an answer is being changed. */
export const gpp = () => {
  if (window.top !== window) return;
  const listeners = new Map();
  let known = {
    gppVersion: '1.1', cmpStatus: 'stub', cmpDisplayStatus: 'hidden', signalStatus: 'not ready',
    supportedAPIs: ['2:tcfeuv2', '5:tcfcav1', '7:usnat', '8:usca'], cmpId: 31, sectionList: [], applicableSections: [], gppString: '', parsedSections: {},
  };
  const event = (listenerId, eventName, data) => ({ eventName, listenerId, data, pingData: structuredClone(known) });
  const fire = (name, data) => listeners.forEach((callback, id) => callback(event(id, name, data), true));
  window.__gpp = (command, callback, parameter) => {
    if (command === 'ping') callback(structuredClone(known), true);
    else if (command === 'addEventListener') {
      const id = listeners.size + 1;
      listeners.set(id, callback);
      callback(event(id, 'listenerRegistered', true), true);
    } else if (command === 'removeEventListener') callback(listeners.delete(parameter), true);
    else if (command === 'hasSection') callback(parameter in known.parsedSections, true);
    else callback(null, false);
  };
  const change = () => {
    known = { ...known, signalStatus: 'not ready' };
    fire('signalStatus', 'not ready');
  };
  const load = () => {
    if (known.cmpStatus === 'loaded') return;
    known = { ...known, cmpStatus: 'loaded' };
    fire('cmpStatus', 'loaded');
  };
  const say = (next) => {
    load();
    change();
    known = { ...known, ...next };
    for (const name of Object.keys(known.parsedSections)) fire('sectionChange', name);
    known = { ...known, signalStatus: 'ready' };
    fire('signalStatus', 'ready');
  };
  window.platforms = { ...window.platforms, gpp: { load, say, change, isAsked: () => listeners.size > 0 } };
};

/**
 * `platforms.google`: the page's own `gtag`, and `load(region)`, after which Google's script has run for a visitor from there. Its
 * clock is the test's: `isOver()` ends what waits for an update.
 */
export const google = () => {
  if (window.top !== window) return;
  window.dataLayer = window.dataLayer || [];
  window.gtag = function () {
    window.dataLayer.push(arguments);
  };
  const load = (region = 'US') => {
    const [entries, listeners] = [{}, []];
    const ics = { entries, active: false, usedDefault: false, usedUpdate: false, usedImplicit: false };
    // On the prototype, as a class has it.
    Object.setPrototypeOf(ics, { addListener: (types, callback) => listeners.push({ types, callback }) });
    const notify = (type) => listeners.filter(({ types }) => types.includes(type)).forEach(({ callback }) => callback({}));
    const isHere = ({ region: regions }) => !regions || regions.some((code) => region.startsWith(code));
    const run = (command) => {
      if (Object.prototype.toString.call(command) !== '[object Arguments]' || command[0] !== 'consent') return;
      const { region: regions, wait_for_update: wait, ...values } = command[2];
      ics.active = true;
      ics[command[1] === 'update' ? 'usedUpdate' : 'usedDefault'] = true;
      for (const [type, word] of Object.entries(values)) {
        if (command[1] === 'update') {
          entries[type] = { ...entries[type], update: word === 'granted', quiet: false };
          notify(type);
        } else if (isHere({ region: regions })) {
          entries[type] = { ...entries[type], default: word === 'granted', quiet: wait > 0 && entries[type]?.update === undefined };
        }
      }
    };
    window.google_tag_data = { ...window.google_tag_data, ics };
    const layer = window.dataLayer;
    layer.forEach(run);
    const { push } = layer;
    layer.push = (...commands) => {
      const length = push.apply(layer, commands);
      commands.forEach(run);
      return length;
    };
    window.platforms.google.isOver = () => {
      for (const [type, entry] of Object.entries(entries)) {
        if (!entry.quiet) continue;
        entry.quiet = false;
        notify(type);
      }
    };
  };
  window.platforms = { ...window.platforms, google: { load } };
};
