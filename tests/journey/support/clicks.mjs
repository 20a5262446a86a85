// A click at the double of each vendor. Holds no assertions.

/** A click at each vendor: the query of the landing, and the id under which the vendor keeps it. */
export const CLICKS = {
  partnerstack: async (product) => {
    const { xid } = await product.control('partnerstack/clicks', { partner_key: 'ada' });
    return { query: `ps_xid=${xid}&ps_partner_key=YWRh`, id: xid };
  },
  partnerize: async (product) => {
    const { clickref } = await product.control('partnerize/clicks', {});
    return { query: `clickref=${clickref}`, id: clickref };
  },
  introw: async (product) => {
    const { irw_id: id } = await product.control('introw/clicks', { link: 'alder-advisory' });
    return { query: `irw_id=${id}`, id };
  },
  partnero: async (product) => {
    await product.control('partnero/clicks', { partner_key: 'amiraito' });
    return { query: 'aff=amiraito', id: 'amiraito' };
  },
};
