//! Strict local simulators of the partner platforms, with faults, time travel and a count of effects.
//!
//! Written from the vendors' documents alone, without looking at the adapters, so that a wrong adapter meets a correct
//! simulator. It depends on no other crate of the workspace. Where a document is silent the simulator refuses, and the
//! module says what was chosen. PartnerStack is here, in both dialects. Partnerize, Introw and Partnero will get folders
//! beside `partnerstack` and entries in `world` when their adapters are built.
//!
//! With [`Settings::state`] a restart goes on with accounts and clock; without, it begins empty.
//!
//! A simulated vendor is a function from its state, a call and the time to an answer. All I/O is in `server`, `socket` and
//! `kept`, all time in `clock`.
//!
//! ```no_run
//! # async fn demo() -> Result<(), trailmark_simulator::StartError> {
//! use trailmark_simulator::{Pace, Settings, Simulator};
//!
//! let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), pace: Pace::Demo, ..Settings::default() };
//! let running = Simulator::start(settings).await?;
//! println!("vendors at http://{}", running.address());
//! running.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! `GET /` is a short page for people, which links the addresses below.
//!
//! # The vendors' routes
//!
//! | path | what |
//! |---|---|
//! | `/partnerstack/api/v2/...` | PartnerStack's vendor API, dialect `current`; Basic [`PUBLIC_KEY`]`:`[`PRIVATE_KEY`] |
//! | `/partnerlinks/conversion/xid` | PartnerStack's server-to-server conversion; Bearer [`TRACKING_TOKEN`] |
//! | `/partnerlinks/go/{partner_key}` | a partner's link: creates a click, redirects to the landing page |
//! | `/partnerstack-guide/api/v2/...` | exactly seed 000, on its own account |
//!
//! # The shop's routes
//!
//! The backend of the demo's shop. JSON both ways, CORS for the origin of the landing page; refusals are `{message}`.
//!
//! | route | in | out |
//! |---|---|---|
//! | `POST /shop/orders` | `{cart, customer_key, items: [{sku, quantity}]}`; `sku` is `garden`, `allotment` or `seed-box` | 201 `{order, key, amount_minor, currency}`, where `order` is a JWS `typ: order+jwt` for site `acme` that lives 15 minutes; the same cart is the same order |
//! | `GET /shop/jwks.json` | | `{keys: [JWK]}`: the value for the proxy's `order_keys` |
//!
//! # `/control/...`
//!
//! JSON both ways, CORS `*`, no credentials. Unknown fields and parameters are refused with 400 `{message}`. Times are
//! milliseconds of simulated time, which is the system's time plus an offset.
//!
//! | route | in | out |
//! |---|---|---|
//! | `GET clock` | | `{now_ms, offset_ms, file}`; `file`, or `null`, holds the offset for a client on this machine that must never be behind |
//! | `POST clock` | `{advance_ms}`, negative ones go back | as above, once every call that was sent before it has happened; 409 after ten seconds |
//! | `POST faults` | a fault, below; at most 1,000 | `{id}` |
//! | `GET faults`, `DELETE faults` | | `{faults: [{id, struck, ...}]}`; `{}` |
//! | `GET requests?vendor=&path=&key=` | | `{total, requests}`, oldest first, the last 10,000: `{seq, at_ms, vendor, method, path, query, status, fault, operation, external_key, authorization, content_type, user_agent, body}` with the scheme of the credential only, paths, keys and bodies cut where they are very long |
//! | `GET effects?vendor=&operation=&key=` | | `{effects: [{vendor, operation, external_key, received, processed, refused, effects, received_ms, effect_ms}]}` |
//! | `GET state/partnerstack`, `state/partnerstack-guide` | | `{now_ms, customers, partners, transactions, actions, clicks, rewards}`; customers with `xid`, `partner_key`, `created_at`, `visible_at`, `visible` |
//! | `POST partnerstack/clicks` | `{xid?, partner_key}` | `{xid}` |
//! | `POST partnerstack/rewards` | `{customer_key, amount?, account?}`: a reward for a signup, in cents | `{key}` |
//! | `POST partnerstack/rewards/{key}/hold`, `/approve`, `/decline`, `/pay` | `{}`; `key` of the reward or its transaction | the reward |
//! | `POST partnerstack/partners/{partner_key}/archive`, `/restore` | `{}`: the partner leaves both accounts, or comes back | `{}` |
//! | `POST partnerstack/webhooks` | `{url, account?}`: where an account sends its webhooks; `null` for nowhere | `{}` |
//! | `POST partnerstack/webhooks/send` | `{body, account?}`: sends this body as a webhook | `{}` |
//! | `GET partnerstack/webhooks` | | `{sent: [{account, body, status}]}`, oldest first, the last 10,000; `status` is `null` where no answer came within ten seconds |
//! | `POST partnerstack/settings` | `{visible_after_ms?, dedupe?, meta_keys?, accept_credentials?: {public_key?, private_key?, tracking_token?}}` for both accounts | what is in force, without credentials |
//! | `POST reset` | | everything as after a first start, the clock and a kept state too; webhooks on their way are dropped |
//!
//! `operation` is `conversion`, `click`, `customer.create`, `customer.read`, `transaction.create` and so on. `received`
//! counts every call that arrived, `processed` the calls that were accepted, `effects` the objects that they created or
//! changed. With `{dedupe: false}` each processed call creates one, so that a double send shows as a double effect.
//!
//! `account` is `partnerstack` (the default) or `partnerstack-guide`.
//!
//! A fault is `{vendor, method?, path_contains?, kind, times?, probability?, seed?, until_ms?, delay_ms?}` and, by
//! `kind`:
//!
//! | `kind` | also | processed? |
//! |---|---|---|
//! | `status` | `status`, `message?`, `retry_after_s?` or `retry_after_date?` (text as it stands, or milliseconds) | no |
//! | `html` | `status?` (502), `message?` | no |
//! | `body` | `status?` (200), `body?` (empty): exactly this, without the vendor's envelope | no |
//! | `redirect` | `location`, `status?` (302) | no |
//! | `reset_before` | | no |
//! | `reset_after` | | yes |
//! | `truncate` | | yes |
//! | `delay` | `delay_ms` | yes, at once; only the answer waits |
//!
//! `vendor` is `partnerstack` (API and links) or `partnerstack-guide`. Delays of all striking faults add up; of the other
//! kinds the first decides. Resets are TCP resets, delays are real time.

mod settings;

mod server;
mod socket;
mod traffic;

mod postman;

mod call;

mod control;
mod front;
mod shop;
mod world;

mod clock;
mod kept;
mod faults;
mod log;
mod random;

mod partnerstack;
mod partnero;

mod config;

pub use self::config::print_config;
pub use self::partnero::{PARTNERO_API_KEY, PARTNERO_WEBHOOK_SECRET};
pub use self::partnerstack::{PRIVATE_KEY, PUBLIC_KEY, TEST_PRIVATE_KEY, TEST_PUBLIC_KEY, TRACKING_TOKEN};
pub use self::server::{Running, Simulator, StartError};
pub use self::settings::{Pace, Settings, UnknownPace};
