// A site that works with all four vendors, one program for each, and a click at each of them. Holds no assertions.

import { account } from './product.mjs';

/** The program of each vendor. */
export const PROGRAMS = { partnerstack: 'stack', partnerize: 'ize', introw: 'row', partnero: 'nero' };

const programs = ({ simulator, confirmAfter }) => `
[[sites.programs]]
id = "stack"
vendor = "partnerstack"
public_key = "env:PARTNERSTACK_PUBLIC_KEY"
private_key = "env:PARTNERSTACK_PRIVATE_KEY"
tracking_token = "env:PARTNERSTACK_TRACKING_TOKEN"
base_url = "http://${simulator}/${account('current')}"
tracking_url = "http://${simulator}/partnerlinks"
confirm_after = "${confirmAfter}"

[[sites.programs]]
id = "ize"
vendor = "partnerize"
application_key = "env:PARTNERIZE_APPLICATION_KEY"
user_api_key = "env:PARTNERIZE_USER_API_KEY"
campaign_id = "10l176"
base_url = "http://${simulator}/partnerize"
tracking_url = "http://${simulator}/prf"
confirm_after = "${confirmAfter}"

[[sites.programs]]
id = "row"
vendor = "introw"
api_key = "env:INTROW_API_KEY"
base_url = "http://${simulator}/introw"
confirm_after = "${confirmAfter}"

[[sites.programs]]
id = "nero"
vendor = "partnero"
api_key = "env:PARTNERO_API_KEY"
webhook_secret = "env:PARTNERO_WEBHOOK_SECRET"
base_url = "http://${simulator}/partnero"
confirm_after = "${confirmAfter}"
`;

/** The configuration for `Product.start`; each conversion goes to every program that the visitor came through. */
export const config = (named) => `
[server]
listen = "${named.site}"
public_url = "http://${named.site}"
admin_listen = "${named.operator}"
${named.server}
[store]
url = "sqlite:trailmark.db"
[[sites]]
id = "acme"
public_url = "${named.publicUrl}"
origins = ${JSON.stringify(named.origins)}
consent = "not_required"
signup_wait = "0s"
credit = "each"
${programs(named)}`;

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
