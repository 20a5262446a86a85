//! A ready-made `trailmark.toml` for a proxy that talks to these doubles. Only text: who writes it where is the
//! caller's business.

use std::net::SocketAddr;

use crate::partnerstack::{PRIVATE_KEY, PUBLIC_KEY, TRACKING_TOKEN};
use crate::settings::Pace;
use crate::shop;

/// The configuration of a proxy at `127.0.0.1:8787` with site `acme` and program `main` at the double of PartnerStack
/// that listens at `address`; the comment above it holds the `export` lines for the secrets it names.
///
/// `confirm_after` is four seconds for [`Pace::Demo`], one more than a customer stays unseen, and fifteen minutes for
/// [`Pace::Real`], the wait that vendors.md § 1.2 reports from production.
#[must_use]
pub fn print_config(address: SocketAddr, pace: Pace) -> String {
    let confirm_after = match pace {
        Pace::Real => "15m",
        Pace::Demo => "4s",
    };
    let (kid, x) = (shop::KEY_ID, shop::PUBLIC_KEY_X);
    format!(
        r#"# A proxy before the local doubles of `trailmark simulate --pace {pace}` at {address}.
# The secrets are the doubles' own and open nothing else, and everybody can sign with the key of the demo's shop in
# `order_keys`: take none of them along. Set the secrets first:
#   export PARTNERSTACK_PUBLIC_KEY={PUBLIC_KEY}
#   export PARTNERSTACK_PRIVATE_KEY={PRIVATE_KEY}
#   export PARTNERSTACK_TRACKING_TOKEN={TRACKING_TOKEN}

[server]
listen       = "127.0.0.1:8787"
public_url   = "http://127.0.0.1:8787"
mount        = "/tm"
admin_listen = "127.0.0.1:8788"

[store]
url = "sqlite:trailmark.db"

[[sites]]
id         = "acme"
public_url = "http://127.0.0.1:8787"
origins    = ["http://127.0.0.1:8787"]
consent    = "required"
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
    )
}
