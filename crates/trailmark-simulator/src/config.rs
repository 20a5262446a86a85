//! A ready `trailmark.toml` for a proxy that talks to the simulator. Returns text only; the caller writes it.

use std::net::{Ipv4Addr, SocketAddr};

use http::Uri;

use crate::double::{self, Program};
use crate::server::{StartError, landing_page};
use crate::settings::{Pace, Settings};
use crate::shop;

/// The configuration of a proxy with site `acme` and a program at each of the simulated vendors that run with `settings`; if
/// `vendors` names some, only at these. The comment above it has the `export` lines for the secrets that the file names, and
/// a line that runs all of them.
///
/// The site has the origin of the landing page. If that is plain http on this machine, the proxy listens there; otherwise
/// at `127.0.0.1:8787`, and a server in front must pass on the site's requests.
///
/// # Errors
/// [`StartError::LandingUrl`] if the landing URL is invalid.
pub fn print_config(settings: &Settings, vendors: &[String]) -> Result<String, StartError> {
    let Settings { listen: address, landing_url, pace, .. } = settings;
    let page = landing_page(landing_url)?;
    let origin =
        format!("{}://{}", page.scheme_str().unwrap_or_default(), page.authority().map_or("", |at| at.as_str()));
    let listen = own_listener(&page).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8787)));
    let admin_listen = SocketAddr::from((Ipv4Addr::LOCALHOST, if listen.port() == 8788 { 8789 } else { 8788 }));
    // A person who watches a demo does not wait for a backend's report; `config.default.toml` explains the setting.
    let signup_wait = match pace {
        Pace::Real => "5m",
        Pace::Demo => "0s",
    };
    let (kid, x) = (shop::KEY_ID, shop::PUBLIC_KEY_X);
    let is_wanted = |name: &str| vendors.is_empty() || vendors.iter().any(|vendor| vendor == name);
    let doubles = double::all(settings).into_iter().filter(|double| is_wanted(double.name()));
    let programs: Vec<Program> = doubles.map(|double| double.program(settings)).collect();
    let exports = programs.iter().flat_map(|program| &program.exports);
    let exports: String = exports.map(|(name, value)| format!("#   export {name}={value}\n")).collect();
    let programs: String = programs.iter().map(|program| format!("\n[[sites.programs]]\n{}", program.toml)).collect();
    Ok(format!(
        r#"# A proxy before the local doubles of
#   trailmark simulate --listen {address} --pace {pace} --landing-url '{landing_url}'
# The secrets are the doubles' own and open nothing else, and everybody can sign with the key of the demo's shop in
# `order_keys`: take none of them along. Set the secrets first:
{exports}# This line sets all of them:
#   eval "$(sed -n 's/^#   export/export/p' trailmark.toml)"

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
# Whoever tries all vendors signs up more often in one browser than customers do.
signups_per_visitor = 100
order_keys = [{{ kty = "OKP", crv = "Ed25519", alg = "EdDSA", kid = "{kid}", x = "{x}" }}]
{programs}"#
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
