//! A ready `trailmark.toml` for a proxy that talks to the simulator. Returns text only; the caller writes it.

use std::net::{Ipv4Addr, SocketAddr};

use http::Uri;

use crate::partnerstack::{PRIVATE_KEY, PUBLIC_KEY, TRACKING_TOKEN};
use crate::server::{StartError, landing_page};
use crate::settings::{Pace, Settings};
use crate::shop;

/// The configuration of a proxy with site `acme` and program `main` at the simulated PartnerStack that runs with
/// `settings`. The comment above it has the `export` lines for the secrets that the file names.
///
/// The site has the origin of the landing page. If that is plain http on this machine, the proxy listens there; otherwise
/// at `127.0.0.1:8787`, and a server in front must pass on the site's requests.
///
/// `confirm_after` is four seconds for [`Pace::Demo`], one more than a customer stays invisible, and fifteen minutes for
/// [`Pace::Real`], the wait that vendors.md § 1.2 reports from production.
///
/// # Errors
/// [`StartError::LandingUrl`] if the landing URL is invalid.
pub fn print_config(settings: &Settings) -> Result<String, StartError> {
    let Settings { listen: address, landing_url, pace, .. } = settings;
    let page = landing_page(landing_url)?;
    let origin =
        format!("{}://{}", page.scheme_str().unwrap_or_default(), page.authority().map_or("", |at| at.as_str()));
    let listen = own_listener(&page).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8787)));
    let admin_listen = SocketAddr::from((Ipv4Addr::LOCALHOST, if listen.port() == 8788 { 8789 } else { 8788 }));
    // A person who watches a demo does not wait for a backend's report; `config.default.toml` explains the setting.
    let (confirm_after, signup_wait) = match pace {
        Pace::Real => ("15m", "5m"),
        Pace::Demo => ("4s", "0s"),
    };
    let (kid, x) = (shop::KEY_ID, shop::PUBLIC_KEY_X);
    Ok(format!(
        r#"# A proxy before the local doubles of
#   trailmark simulate --listen {address} --pace {pace} --landing-url '{landing_url}'
# The secrets are the doubles' own and open nothing else, and everybody can sign with the key of the demo's shop in
# `order_keys`: take none of them along. Set the secrets first:
#   export PARTNERSTACK_PUBLIC_KEY={PUBLIC_KEY}
#   export PARTNERSTACK_PRIVATE_KEY={PRIVATE_KEY}
#   export PARTNERSTACK_TRACKING_TOKEN={TRACKING_TOKEN}

[server]
listen       = "{listen}"
public_url   = "{origin}"
mount        = "/tm"
admin_listen = "{admin_listen}"

[store]
url = "sqlite:trailmark.db"

[[sites]]
id         = "acme"
public_url = "{origin}"
origins    = ["{origin}"]
consent    = "required"
signup_wait = "{signup_wait}"
order_keys = [{{ kty = "OKP", crv = "Ed25519", alg = "EdDSA", kid = "{kid}", x = "{x}" }}]

[[sites.programs]]
id             = "main"
vendor         = "partnerstack"
dialect        = "current"
public_key     = "env:PARTNERSTACK_PUBLIC_KEY"
private_key    = "env:PARTNERSTACK_PRIVATE_KEY"
tracking_token = "env:PARTNERSTACK_TRACKING_TOKEN"
base_url       = "http://{address}/partnerstack"
tracking_url   = "http://{address}/partnerlinks"
confirm_after  = "{confirm_after}"
# The double of dialect "guide" is an account of its own, with the same keys:
# dialect  = "guide"
# base_url = "http://{address}/partnerstack-guide"
"#
    ))
}

/// The address at which the proxy itself can serve the landing page's origin.
fn own_listener(page: &Uri) -> Option<SocketAddr> {
    let host = page.host().filter(|_| page.scheme_str() == Some("http"))?;
    let ip =
        if host == "localhost" { Ipv4Addr::LOCALHOST.into() } else { host.trim_matches(['[', ']']).parse().ok()? };
    let address = SocketAddr::new(ip, page.port_u16().unwrap_or(80));
    address.ip().is_loopback().then_some(address)
}
