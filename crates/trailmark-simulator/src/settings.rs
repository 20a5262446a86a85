//! The settings with which a simulator starts. `control` changes what tests change while it runs.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Where the simulator listens, and how it behaves from the start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to bind; port 0 takes a free one. Default `127.0.0.1:9100`. Do not bind it beyond loopback: its credentials
    /// are public and its control routes need none.
    pub listen: SocketAddr,
    /// Page that a partner's link leads to, an absolute http or https URL. Default `http://127.0.0.1:8787/`.
    pub landing_url: String,
    /// How long a converted customer stays invisible. Default [`Pace::Real`].
    pub pace: Pace,
    /// Keys of `meta` that the vendor account knows; others are dropped silently, as by PartnerStack. Default `plan` and
    /// `company`.
    pub meta_keys: Vec<String>,
    /// File that keeps accounts and clock over a restart; made where there is none. Default none: all is in memory.
    pub state: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9100)),
            landing_url: "http://127.0.0.1:8787/".to_owned(),
            pace: Pace::Real,
            meta_keys: vec!["plan".to_owned(), "company".to_owned()],
            state: None,
        }
    }
}

/// How fast the simulated vendor shows new customers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As measured at the vendor: two to six minutes, always the same for the same customer key.
    #[default]
    Real,
    /// Three seconds, for a person who watches.
    Demo,
}

impl Pace {
    /// A proxy's `confirm_after`, longer than things stay invisible: four seconds, one more than a customer of
    /// [`Pace::Demo`], and for [`Pace::Real`] the fifteen minutes that vendors.md § 1.2 reports from production.
    pub(crate) fn confirm_after(self) -> &'static str {
        match self {
            Self::Real => "15m",
            Self::Demo => "4s",
        }
    }
}

impl FromStr for Pace {
    type Err = UnknownPace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "real" => Ok(Self::Real),
            "demo" => Ok(Self::Demo),
            other => Err(UnknownPace { given: other.to_owned() }),
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Real => "real",
            Self::Demo => "demo",
        })
    }
}

/// A text that is not a [`Pace`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pace {given:?} is unknown: use \"real\" or \"demo\"")]
pub struct UnknownPace {
    /// What was given.
    pub given: String,
}
