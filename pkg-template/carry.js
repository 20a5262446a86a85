// Takes a visit along to the site's other hosts: adds the carrier to a link while the visitor follows it, and announces it to
// the proxy at the same moment. The module makes carriers and says to which origins they lead (src/tracker/task.rs); the glue
// loads this file only for a visitor with a touch on a site whose hosts share no cookie. Decides nothing else and stores nothing.
//
// A link is decorated for the moment of the click alone, so that nobody copies a decorated one: first of all, for handlers that
// read its address, and once more after them, because they may have changed it. A form gets the carrier if it has an empty
// field of that name.

const PARAM = '_tm';

// The carrier for the next link, by site.
const carriers = new Map();

// What the event under way has taken.
let taken = {};

// Hands over the carrier of a site: `offer` holds its id, the address that hears of it, and the origins. Resolves once a link has
// taken it, or another one replaces it.
export const carry = (site, offer, body, send) => new Promise(resolve => {
  const [id, url, origins] = offer.split('\0'), to = JSON.parse(origins), before = carriers.get(site);
  if (before) before.resolve([]);
  carriers.set(site, { id, to, resolve, announce: () => send('', 0, url, body) });
});

// Whether the visitor still agrees: a withdrawal removes the token from storage at once, in whichever tab.
const agrees = site => {
  try {
    return !navigator.globalPrivacyControl && localStorage.getItem(`tm_${site}_click`);
  } catch (_) {}
};

// The carrier for this event and address, announced; nothing for an address that is not on the list.
const take = (event, address) => {
  const leads = ({ to }) => to.some(origin => address.startsWith(origin + '/'));
  if (taken.event != event) {
    const found = [...carriers].find(([site, carrier]) => leads(carrier) && agrees(site));
    if (!found) return;
    const [site, { id, to, resolve, announce }] = found;
    carriers.delete(site);
    // By the browser's clock, with which the page behind the link compares its own time.
    taken = { event, to, value: `${id}.${Math.floor(Date.now() / 1000)}` };
    announce();
    resolve([{ status: 200 }]);
    setTimeout(() => taken = {});
  }
  if (leads(taken)) return taken.value;
};

// The address with the carrier in place of any other one, and otherwise as written.
const decorated = (address, value) => {
  const [, path, query, fragment] = address.match(/^([^?#]*)\??([^#]*)(.*)$/);
  const rest = query.split('&').filter(piece => !/^_tm=/i.test(piece)).join('&');
  return `${path}?${rest && rest + '&'}${PARAM}=${value}${fragment}`;
};

const onClick = event => {
  // The first button follows a link, the second opens it in a tab, the third opens a menu.
  if (event.button > 1) return;
  // Also a link in an open shadow root. The address of one in SVG is no text.
  const link = event.composedPath().find(node => /^a(rea)?$/.test(node.localName) && typeof node.href == 'string');
  const value = link && take(event, link.href);
  if (!value) return;
  const before = link.getAttribute('href'), after = decorated(link.href, value);
  if (link.href == after) return;
  link.href = after;
  // The browser has read the address by then. A page may have written another one.
  setTimeout(() => link.href == after && link.setAttribute('href', before));
};

const onSubmit = event => {
  const form = event.target, by = event.submitter, fields = [...document.getElementsByName(PARAM)];
  const field = fields.find(one => one.form == form);
  if (!field || event.defaultPrevented) return;
  // Read through the prototype: a field named `action` hides the form's own property.
  const address = by && by.hasAttribute('formaction') ? by.formAction : Reflect.get(HTMLFormElement.prototype, 'action', form);
  const value = take(event, address);
  if (!value) return;
  field.value = value;
  setTimeout(() => field.value = '');
};

for (const capture of [true, false]) {
  for (const type of ['click', 'auxclick']) window.addEventListener(type, onClick, capture);
}
window.addEventListener('submit', onSubmit);
