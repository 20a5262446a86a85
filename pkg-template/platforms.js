// With `consent: 'auto'`: what the page's consent platforms say, as one of our three words. The functions for IAB TCF, IAB GPP and
// Google Consent Mode are pure; `follow` listens to the platforms and passes each answer on as a call of the page. core.js loads
// this file where the module has work. src/consent.rs decides what a word allows. docs/privacy.md has the table of all states.
// Stores and sends nothing, and shows no dialog.

// The strictest first.
const WORDS = ['denied', 'pending', 'granted'];

// TCF: keep information on the device, and measure advertising. Both by consent; legitimate interest does not count.
const PURPOSES = [1, 7];

// Consent Mode: keep information on the device, and send a customer's data.
const TYPES = ['ad_storage', 'ad_user_data'];

// The names of GPP's sections from id 2; ids 3 and 4 are parts of the string. An id that is not here is never a grant.
const SECTIONS = ('tcfeuv2,,,tcfcav1,uspv1,usnat,usca,usva,usco,usut,usct,usfl,usmt,usor,ustx,usde,usia,usne,usnh,usnj,ustn,' +
  'usmn,usmd,usin,usky,usri').split(',');

// The purposes of a TCF section, for vendors and for the site itself. The specification and the library of the IAB spell them
// differently.
const CONSENTS = /^P(urposes?|ubPurposes|ublisher)(Express|Implied)?Consents?$/;

// What refuses in a section of the United States: an opt-out, GPC as the platform saw it, a child without consent.
const REFUSALS = /(OptOut(Sale)?|Gpc|KnownChildSensitiveDataConsents)$/;

// Own members only, and none of what is no object: a member that a page adds to Object.prototype says nothing.
const own = value => ({ __proto__: null, ...value });

const strictest = words => WORDS.find(word => words.includes(word));

// TCF: `TCData`, and what the platform said before. While a dialog is open, the earlier answer counts.
export const tcf = (data, before = 'pending') => {
  const { gdprApplies, isServiceSpecific, eventStatus, purpose, publisher } = own(data);
  if (gdprApplies === false) return 'granted';
  // A string for all sites is invalid since 2021.
  if (isServiceSpecific === false) return 'pending';
  if (!['tcloaded', 'useractioncomplete'].includes(eventStatus)) return before;
  const lists = [own(purpose), own(publisher)].map(({ consents }) => own(consents));
  return PURPOSES.every(id => lists.some(list => list[id] === true)) ? 'granted' : 'denied';
};

// One section of GPP: a list of objects, or one object from the IAB's library.
const section = (name, data) => {
  const fields = [].concat(data).flatMap(part => Object.entries(own(part)));
  const of = names => fields.filter(([field]) => names.test(field)).map(([, value]) => [].concat(value));
  const purposes = of(CONSENTS), refusals = of(REFUSALS);
  // Purposes are a list of ids, or of bits.
  if (/^tcf/.test(name) && purposes.length) {
    return PURPOSES.every(id => purposes.some(list => list.includes(id) || list[id - 1] === true)) ? 'granted' : 'denied';
  }
  if (!/^us/.test(name) || !refusals.length) return 'pending';
  return refusals.flat().some(value => [1, true, 'Y'].includes(value)) ? 'denied' : 'granted';
};

// GPP: `PingReturn`. Of the sections, those that apply count.
export const gpp = ping => {
  const { signalStatus, applicableSections, parsedSections } = own(ping);
  if (signalStatus !== 'ready') return 'pending';
  const words = [].concat(applicableSections).map(id => {
    const name = SECTIONS[id - 2];
    return id === -1 ? 'granted' : section(name, own(parsedSections)[name]);
  });
  return strictest(words) || 'pending';
};

// Consent Mode: the `entries` of Google's script; `undefined` if nothing is said of storage. A default that denies is no answer
// of the visitor; `quiet` means that Google waits for one.
export const consentMode = entries => {
  const words = TYPES.map(type => {
    const { default: initial, update, quiet } = own(own(entries)[type]);
    if (update !== undefined) return update === true ? 'granted' : update === false ? 'denied' : 'pending';
    if (quiet || initial !== undefined) return !quiet && initial === true ? 'granted' : 'pending';
  });
  return words[0] && strictest(words);
};

// The same entries from the commands in `dataLayer`, for a page on which Google's script has not run. Whether this visitor is in
// the `region` of a default, and how long `wait_for_update` lasts, only that script knows: the strictest counts.
export const entriesOf = commands => {
  const entries = TYPES.map(() => ({}));
  for (const command of commands) {
    // gtag passes its `arguments`; anything else is no command.
    if (Object.prototype.toString.call(command) != '[object Arguments]' || command[0] !== 'consent') continue;
    const values = own(command[2]);
    TYPES.forEach((type, index) => {
      const entry = entries[index], isGranted = values[type] === 'granted';
      if (!isGranted && values[type] !== 'denied') return;
      if (command[1] === 'update') entry.update = isGranted;
      if (command[1] !== 'default') return;
      entry.default = isGranted && entry.default !== false;
      entry.quiet = entry.quiet || values.wait_for_update > 0;
    });
  }
  return { [TYPES[0]]: entries[0], [TYPES[1]]: entries[1] };
};

// What is in force: a refusal, whoever said it; else the word that the page stated; else what the platforms say, the strictest
// first. `undefined` if nobody says anything.
export const inForce = (stated, answers) => {
  const answer = strictest(answers);
  return stated === 'denied' || answer === 'denied' ? 'denied' : stated || answer;
};

// Listens from now on. `state` is the stub's: its `s` becomes the word that is in force, for the stub, core.js and the module
// alike, and each change of it goes the way of a call of the page.
export const follow = (state, explain) => {
  const w = window, answers = { __proto__: null };
  let stated = state.s, google, layer;
  Object.defineProperty(state, 's', {
    get: () => inForce(stated, Object.values(answers)),
    set: word => { stated = word; }
  });
  let last = state.s || 'pending';

  // Runs in other people's code, which must see no exception.
  const hear = (platform, read) => {
    try {
      answers[platform] = read();
    } catch (error) {
      answers[platform] = 'pending';
      explain(error);
    }
    const word = state.s || 'pending';
    if (word != last) state.q.push(['consent', last = word, () => {}]);
  };

  const hearGoogle = () => hear('google', () => {
    const { ics } = own(w.google_tag_data), { active, entries } = own(ics);
    if (ics && google != ics) {
      google = ics;
      ics.addListener(TYPES, hearGoogle);
    }
    if (Array.isArray(w.dataLayer) && layer != w.dataLayer) {
      layer = w.dataLayer;
      const { push } = layer;
      layer.push = (...commands) => {
        const length = push.apply(layer, commands);
        hearGoogle();
        return length;
      };
    }
    return consentMode(active ? entries : entriesOf(layer || []));
  });

  // Calls to a platform that is still loading wait in its own stub.
  const ask = (name, call) => {
    if (name in answers || typeof w[name] != 'function') return;
    hear(name, () => 'pending');
    try {
      call();
    } catch (error) {
      explain(error);
    }
  };

  // A tag manager may bring a platform late: looks again, with growing pauses, for a bit more than a minute and a half.
  const look = pause => {
    ask('__tcfapi', () => w.__tcfapi('addEventListener', 2, (data, isValid) => {
      if (isValid) hear('__tcfapi', () => tcf(data, answers.__tcfapi));
    }));
    ask('__gpp', () => w.__gpp('addEventListener', event => hear('__gpp', () => gpp(own(event).pingData))));
    hearGoogle();
    if (pause == 6400 && !state.s) {
      explain("consent is 'auto', but the page has no consent platform that speaks TCF, GPP or Consent Mode; call trailmark.consent()");
    }
    if (pause < 1e5) setTimeout(look, pause, pause * 2);
  };
  look(200);
};
