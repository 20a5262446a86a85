// What both runners check: with a document that is no browser's, every call of `init` is answered and nothing happens.
module.exports = async (init, expect) => {
  expect(typeof document).toBe('object');
  const before = Object.keys(window).join();
  const trailmark = init({ site: 'acme', consent: 'granted', debug: true });
  expect(init({ site: 'acme' })).toBe(trailmark);
  const signup = await trailmark.signup({ customerKey: 'u_1' });
  expect([await trailmark.ready, await trailmark.touch(), signup]).toEqual([
    { attributed: false, mode: 'off' },
    null,
    { status: 'failed', code: 'not_loaded' },
  ]);
  expect([Object.keys(window).join() === before, localStorage.length, document.cookie]).toEqual([true, 0, '']);
};
