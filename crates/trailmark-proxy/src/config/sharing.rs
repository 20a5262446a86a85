//! What programs with one account at a vendor share: its lane and its pace. And what their sites must not share: a key
//! that means two things, where the vendor knows things by our keys alone. The accounts are compared here, in memory:
//! nothing that is made from a credential is stored.

use std::collections::BTreeMap;

use trailmark_vendors::account::{Setting, Settings};
use trailmark_vendors::secret::Secret;
use trailmark_vendors::{Pace, Vendor};
use trailmark_wire::ids::{ProgramId, SiteId};

use super::Config;
use super::sites::Program;
use super::source::{Overrides, Problem};
use crate::store::delivery::LaneKey;

/// A program with the values of its account.
pub(super) struct Held<'a> {
    pub(super) site: &'a SiteId,
    pub(super) program: &'a Program,
    pub(super) settings: Settings,
}

impl Held<'_> {
    fn vendor(&self) -> Option<&'static dyn Vendor> {
        trailmark_vendors::vendor(self.program.vendor.as_str())
    }

    fn known(&self) -> &'static [Setting] {
        self.vendor().map_or(&[][..], Vendor::settings)
    }

    fn has_account_of(&self, other: &Self) -> bool {
        self.program.vendor == other.program.vendor && self.settings.is_account_of(&other.settings, self.known())
    }

    /// The mistake of a program whose keys meet those of another site's program at the vendor. A look-up of one site's
    /// order would find the other site's: the order would end in a conflict or, if the two look alike, as recorded.
    fn meets(&self, first: &Self) -> Option<Problem> {
        let (one, other) = (self.program, first.program);
        let is_meant = one.unique_keys || other.unique_keys;
        if is_meant || self.site == first.site || one.vendor != other.vendor {
            return None;
        }
        let vendor = self.vendor()?;
        let space = vendor.key_space()?;
        self.settings.shares_keys_with(&first.settings, self.known(), space).then(|| Problem {
            place: one.place.clone(),
            key: format!("sites.programs `{}`", one.id),
            text: format!(
                "has the same {name} at {title} as program `{id}` of site `{site}`, and {title} knows {of} there by \
                 your keys alone: what has one key at both sites would count once, and one of the two would earn \
                 nobody anything. Give each site its own {name} there, or make both one site with all their \
                 `origins`. If no key ever means two things, set `unique_keys = true` here",
                name = space.name,
                title = vendor.title(),
                id = other.id,
                site = first.site,
                of = space.of,
            ),
        })
    }
}

/// The lane and the pace of each program. A lane has the name of its first program, and the lowest pace that one of its
/// programs states.
pub(super) fn lanes(held: &[Held<'_>]) -> Vec<(LaneKey, Pace)> {
    let mut lanes: Vec<LaneKey> = Vec::new();
    for program in held {
        let has_it = |lane: &&LaneKey| {
            held.iter().zip(&lanes).filter(|(_, of)| of == lane).all(|(other, _)| program.has_account_of(other))
        };
        let own = || LaneKey { site: program.site.clone(), program: program.program.id.clone() };
        let lane = lanes.iter().find(has_it).cloned().unwrap_or_else(own);
        lanes.push(lane);
    }
    let pace = |(program, lane): (&Held<'_>, &LaneKey)| {
        let sharing = held.iter().zip(&lanes).filter(|(other, of)| *of == lane && other.program.states_pace);
        let lowest = sharing.map(|(other, _)| other.program.pace).min_by_key(|pace| pace.per_minute);
        lowest.unwrap_or(program.program.pace)
    };
    let paces: Vec<Pace> = held.iter().zip(&lanes).map(pace).collect();
    lanes.into_iter().zip(paces).collect()
}

/// A mistake for each program whose keys meet those of an earlier one.
pub(super) fn meetings(held: &[Held<'_>]) -> Vec<Problem> {
    let meeting = |(index, program): (usize, &Held<'_>)| held.iter().take(index).find_map(|first| program.meets(first));
    held.iter().enumerate().filter_map(meeting).collect()
}

impl Config {
    /// The pace of each program: that of its lane. A secret that cannot be read here counts as equal to one of the same
    /// source.
    pub(super) fn paces(&self, overrides: &Overrides) -> BTreeMap<&ProgramId, Pace> {
        let programs = self.sites.iter().flat_map(|site| site.programs.iter().map(move |program| (&site.id, program)));
        let held: Vec<Held<'_>> =
            programs.map(|(site, program)| Held { site, program, settings: program.values(overrides) }).collect();
        let paces = lanes(&held).into_iter().map(|(_, pace)| pace);
        held.iter().map(|held| &held.program.id).zip(paces).collect()
    }
}

impl Program {
    /// The values of its account, as far as they are known here: of a secret that cannot be read, the source.
    fn values(&self, overrides: &Overrides) -> Settings {
        let secrets = self.secrets.iter().map(|(name, named)| {
            let secret = named.read(overrides).unwrap_or_else(|_unreadable| Secret::new(named.source()));
            (*name, secret)
        });
        Settings { dialect: self.dialect, secrets: secrets.collect(), texts: self.texts.clone() }
    }
}
