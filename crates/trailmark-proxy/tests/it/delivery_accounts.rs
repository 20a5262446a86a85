//! Accounts of the simulated vendors as lanes of the delivery tests: settings, hosts and pace, as a program has them.

use std::sync::Arc;

use trailmark_proxy::delivery::LaneAccount;
use trailmark_proxy::store::delivery::LaneKey;
use trailmark_simulator::{
    INTROW_API_KEY, PARTNERIZE_APPLICATION_KEY, PARTNERIZE_CAMPAIGN, PARTNERIZE_USER_API_KEY, PARTNERO_API_KEY,
    PRIVATE_KEY, PUBLIC_KEY, TRACKING_TOKEN,
};
use trailmark_vendors::account::Settings;
use trailmark_vendors::{Dialect, vendor};
use trailmark_wire::ids::{ProgramId, SiteId};

/// The vendors' settling time in these tests.
pub(crate) const SETTLING_MS: i64 = 15 * 60 * 1000;

/// A program of PartnerStack in dialect current.
pub(crate) fn account(program: &str, address: &str) -> LaneAccount {
    lane("partnerstack", Dialect::Current, program, address)
}

/// The same in dialect guide.
pub(crate) fn guide_account(program: &str, address: &str) -> LaneAccount {
    lane("partnerstack", Dialect::Guide, program, address)
}

/// A program whose vendor is simulated at this address.
pub(crate) fn lane(name: &str, dialect: Dialect, program: &str, address: &str) -> LaneAccount {
    let vendor = vendor(name).unwrap();
    let (site, program) = (SiteId::new("acme").unwrap(), ProgramId::new(program).unwrap());
    LaneAccount {
        lane: LaneKey { site: site.clone(), program: program.clone() },
        site,
        program,
        adapter: Arc::new(vendor.open(&settings(name, dialect, address)).unwrap()),
        pace: vendor.pace(),
        confirm_after_ms: SETTLING_MS,
    }
}

/// The simulator's name of the vendor's account in a dialect; its API is below a path of that name.
pub(crate) fn in_dialect(name: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Current => name.to_owned(),
        Dialect::Guide => format!("{name}-guide"),
    }
}

pub(crate) fn settings(name: &str, dialect: Dialect, address: &str) -> Settings {
    let root = |path: &str| format!("http://{address}/{path}");
    let settings = Settings::of(dialect).with_text("base_url", root(&in_dialect(name, dialect)));
    match name {
        "partnerstack" => settings
            .with_secret("public_key", PUBLIC_KEY)
            .with_secret("private_key", PRIVATE_KEY)
            .with_secret("tracking_token", TRACKING_TOKEN)
            .with_text("tracking_url", root("partnerlinks")),
        "partnerize" => settings
            .with_secret("application_key", PARTNERIZE_APPLICATION_KEY)
            .with_secret("user_api_key", PARTNERIZE_USER_API_KEY)
            .with_text("campaign_id", PARTNERIZE_CAMPAIGN)
            .with_text("tracking_url", root(&in_dialect("prf", dialect))),
        "introw" => settings.with_secret("api_key", INTROW_API_KEY).with_text("commission_percent", "10"),
        "partnero" => settings.with_secret("api_key", PARTNERO_API_KEY),
        _ => panic!("no simulated vendor has this name: {name}"),
    }
}
