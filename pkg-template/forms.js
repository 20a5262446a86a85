// Hears of what is sent by forms with data-trailmark. core.js loads this file where a page has such a form, and makes a call of
// the SDK of each. Decides nothing about a conversion: the call goes the way of every other.
//
// A submission counts when it goes out: by the browser, after a `submit` event that nobody prevented or by `form.submit()`; by
// Turbo or htmx, once their server has accepted it. Where another script prevents it, that script has to report.

// Listens to the forms of one site from now on. `report` is core.js's, which has listened to plain submissions until now.
export const bind = (report, explain) => {
  // What a page's script makes up throws nothing into the page.
  const on = (target, type, listen, capture) => target.addEventListener(type, event => {
    try {
      listen(event);
    } catch (error) {
      explain(error);
    }
  }, capture);

  // The form whose `submit` event has counted last; the navigation that it causes does not count again.
  let counted;
  const onSubmit = ({ target, defaultPrevented }) => {
    counted = defaultPrevented ? undefined : target;
    report(target, undefined, defaultPrevented && (kind =>
      explain(`a script has prevented a bound form; it counts if Turbo or htmx sends it, otherwise call trailmark.${kind}`)));
  };
  on(window, 'submit', onSubmit);

  // A `submit` event stays in its shadow root, a click does not. Closed roots are not seen.
  const roots = new WeakSet();
  on(window, 'click', event => {
    for (const root of event.composedPath().filter(node => node instanceof ShadowRoot && !roots.has(node))) {
      roots.add(root);
      on(root, 'submit', onSubmit);
    }
  }, true);

  // `form.submit()` makes no `submit` event, but a navigation from the form. A browser that cannot tell says nothing.
  if (window.navigation) {
    on(window.navigation, 'navigate', ({ sourceElement, formData }) => {
      if (sourceElement instanceof HTMLFormElement && sourceElement != counted) report(sourceElement, formData);
      counted = undefined;
    });
  }

  // Turbo and htmx prevent the submission, and send the form themselves. A response can have replaced the form by now, so the
  // fields are those that were sent.
  on(window, 'turbo:submit-end', ({ detail: { success, formSubmission: { formElement, body } } }) => {
    if (success) report(formElement, body);
  }, true);
  const isSent = ({ type }, { status }) => type == 'submit' && status >= 200 && status < 400;
  // htmx 1 and 2. Not `detail.successful`, which a redirection leaves out.
  on(window, 'htmx:afterRequest', ({ detail: { xhr, requestConfig: { triggeringEvent: by, parameters } } }) => {
    if (by && isSent(by, xhr)) report(by.target, new Map(Object.entries(parameters)));
  }, true);
  // htmx 4. The body of a GET is in the address.
  on(window, 'htmx:after:request', ({ detail: { ctx: { sourceEvent: by, request, response } } }) => {
    if (by && isSent(by, response)) report(by.target, request.body);
  }, true);
};
