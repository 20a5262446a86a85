//! Strict local simulators of the partner platforms, with faults, time travel and a count of effects.
//!
//! Written from the vendors' documents alone, without looking at the adapters, so that a wrong adapter meets a correct
//! simulator. It depends on no other crate of the workspace. Where a document is silent the simulator refuses, and the
//! module says what was chosen. Each vendor is a folder of its own and a line in the list of `double`; a folder's first
//! page has its routes, accounts and control routes.
//!
//! With [`Settings::state`] a restart goes on with accounts and clock; without, it begins empty.
//!
//! A simulated vendor is a function from its state, a call and the time to an answer. All I/O is in `server`, `socket`,
//! `kept` and `exchanges`, all time in `clock`.
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
//! | `GET faults`, `DELETE faults?vendor=` | | `{faults: [{id, struck, ...}]}`; `{}`, and that account's faults end, or all |
//! | `GET requests?vendor=&path=&key=` | | `{total, requests}`, oldest first, the last 10,000: `{seq, at_ms, vendor, method, path, query, status, fault, operation, external_key, authorization, content_type, user_agent, headers, body}` with the scheme of the credential and the names of headers only, paths, keys and bodies cut where they are very long |
//! | `GET effects?vendor=&operation=&key=` | | `{effects: [{vendor, operation, external_key, received, processed, refused, effects, received_ms, effect_ms}]}` |
//! | `GET violations` | | `{total, violations: [{account, seq, rule, detail}]}`, oldest first, the last 10,000; below |
//! | `GET state/ACCOUNT` | | everything in that account |
//! | `GET listings` | | `{vendors: [{vendor, title, link_params, listings: [{title, rows: [{key, of, partner, money, state}]}]}]}`: what each vendor's first account has in one form, newest first; `money` is text such as `29.00 EUR`, `link_params` are the parameters by which partners' links tell who sent a visitor |
//! | `POST NAME/webhooks` | `{url, account?}`: where an account sends its webhooks; `null` for nowhere | `{}` |
//! | `POST NAME/webhooks/send` | `{body, account?}`: sends this body as a webhook | `{}` |
//! | `GET NAME/webhooks` | | `{sent: [{account, url, body, status}]}`, oldest first, of the last 10,000; `status` is `null` where no answer came within ten seconds |
//! | `POST NAME/partners`, `POST NAME/users` | `{add?, remove?, after_each_page?, account?}`: so many join and so many of those in no use leave, by a chance that is the same every time; at once, or after each page of this list from now on. `users` only where the vendor has that list | `{joined: [id], left: [id]}` |
//! | `... NAME/...` | the vendor's own control routes, on the first page of its folder | |
//! | `POST reset` | | everything as after a first start, the clock and a kept state too; webhooks on their way are dropped |
//!
//! `ACCOUNT` is an account of a simulated vendor, and its `vendor` in faults, log and effects. `NAME` is a vendor's first
//! account, which is also its usual one.
//!
//! `operation` is `conversion`, `click`, `customer.create`, `customer.read`, `transaction.create` and so on. `received`
//! counts every call that arrived, `processed` the calls that were accepted, `effects` the objects that they created or
//! changed. With `{dedupe: false}` each processed call creates one, so that a double send shows as a double effect.
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
//! Delays of all striking faults add up; of the other
//! kinds the first decides. Resets are TCP resets, delays are real time.
//!
//! A violation is something that no document allows, whether or not the vendor refuses it. Its `rule` is one of:
//!
//! | `rule` | the call |
//! |---|---|
//! | `content_type` | has a body that is not called `application/json` |
//! | `followed_redirect` | goes to the address of a redirect that a fault ordered |
//! | `malformed` | breaks the grammar of an address that the vendor answers with success all the same |
//! | `missing_user_agent` | has no `User-Agent` |
//! | `secret_in_address` | has a credential of the vendor in its path or query |
//! | `unknown_field`, `unknown_parameter` | has a field of a body or a parameter of a query that the vendor does not know |

mod settings;

mod server;
mod socket;
mod traffic;

mod postman;

mod call;
mod fields;

mod control;
mod crowd;
mod front;
mod shop;
mod world;

mod clock;
mod kept;
mod exchanges;
mod faults;
mod log;
mod random;
mod violations;

mod double;
mod introw;
mod partnero;
mod partnerize;
mod partnerstack;

mod config;

pub use self::config::print_config;
pub use self::introw::{INTROW_API_KEY, INTROW_CAMPAIGN_KEYS, INTROW_PUBLISHABLE_KEY};
pub use self::partnerize::{PARTNERIZE_APPLICATION_KEY, PARTNERIZE_CAMPAIGN, PARTNERIZE_USER_API_KEY};
pub use self::partnero::{PARTNERO_API_KEY, PARTNERO_WEBHOOK_SECRET};
pub use self::partnerstack::{PRIVATE_KEY, PUBLIC_KEY, TEST_PRIVATE_KEY, TEST_PUBLIC_KEY, TRACKING_TOKEN};
pub use self::server::{Running, Simulator, StartError};
pub use self::settings::{Pace, Settings, UnknownPace};
