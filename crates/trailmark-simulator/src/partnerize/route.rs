//! The calls of the API: their paths in all three versions, the rights that they need, and what they are called in the log.
//! `mod` passes each to the module that answers it.

use http::{Method, StatusCode};

use super::envelope::{Refusal, Version};
use super::state::{Rights, Rules};
use super::{NETWORK, PARTNERIZE_CAMPAIGN, jobs};
use crate::call::Call;

/// What a call to the API asks for; texts are ids.
pub(super) enum Route<'a> {
    Networks,
    Campaigns,
    Campaign,
    ListPublishers(String),
    ReadPublisher(&'a str),
    SetPublishers(&'static str),
    ListPublishersTwo,
    ReadPublisherTwo(&'a str),
    OwnUser,
    CreateUser,
    ChangeUser(&'a str),
    ChangeAddress,
    ListUsers,
    SelfUser,
    ReadUser(&'a str),
    PutUser(&'a str),
    DeleteUser(&'a str),
    Report,
    Filter,
    Bulk,
    Jobs,
    Job(&'a str),
    Tasks(&'a str, Option<&'a str>),
    Replay(&'a str),
}

impl<'a> Route<'a> {
    /// # Errors
    /// There is no such path, no such campaign or network, or the path has other methods.
    pub(super) fn found(is_guide: bool, rules: &Rules, method: &Method, path: &[&'a str]) -> Result<Self, Refusal> {
        let of = |method: &str| {
            let route = match Self::of(method, path)? {
                Self::OwnUser if is_guide => Self::ListUsers,
                route => route,
            };
            route.exists(is_guide, rules).then_some(route)
        };
        let known =
            |id: &str, only: &str, what: &str| if id == only { Ok(()) } else { Err(Refusal::not_found(what, id)) };
        match path {
            ["campaign", id, ..]
            | ["v3", "brand", "campaigns", id, ..]
            | ["reporting", "report_advertiser", "campaign", id, ..] => known(id, PARTNERIZE_CAMPAIGN, "campaign")?,
            ["network", id, ..] | ["v2", "networks", id, ..] => known(id, NETWORK, "network")?,
            _ => {}
        }
        of(method.as_str()).ok_or_else(|| {
            let has_others = ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().any(|method| of(method).is_some());
            if has_others {
                Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} not supported"))
            } else {
                Refusal::new(StatusCode::NOT_FOUND, "there is no such resource")
            }
        })
    }

    /// `path` is what follows the entrance. In version 1, `.json` may end it.
    fn of(method: &str, path: &[&'a str]) -> Option<Self> {
        let (version, mut path) = (Version::of(path), path.to_vec());
        if let Some(last) = path.last_mut().filter(|_| version == Version::One) {
            *last = last.strip_suffix(".json").unwrap_or(last);
        }
        Some(match (method, path.as_slice()) {
            ("GET", ["network"]) => Self::Networks,
            ("GET", ["v3", "brand", "campaigns"]) => Self::Campaigns,
            ("GET", ["v3", "brand", "campaigns", _]) => Self::Campaign,
            ("GET", ["campaign" | "network", _, "publisher"]) => Self::ListPublishers(format!("/{}", path.join("/"))),
            ("GET", ["campaign", _, "publisher", id]) => Self::ReadPublisher(id),
            ("POST", ["campaign", _, "publisher"]) => Self::SetPublishers("campaign_status"),
            ("POST", ["network", _, "publisher"]) => Self::SetPublishers("network_status"),
            ("GET", ["v2", "networks", _, "publishers"]) => Self::ListPublishersTwo,
            ("GET", ["v2", "networks", _, "publishers", id]) => Self::ReadPublisherTwo(id),
            ("GET", ["user"]) => Self::OwnUser,
            ("POST", ["user"]) => Self::CreateUser,
            ("GET", ["user", "self"]) => Self::SelfUser,
            ("GET", ["user", id]) => Self::ReadUser(id),
            ("POST", ["user", id]) => Self::ChangeUser(id),
            ("PUT", ["user", id]) => Self::PutUser(id),
            ("DELETE", ["user", id]) => Self::DeleteUser(id),
            ("PATCH", ["v3", "brand", "user"]) => Self::ChangeAddress,
            ("GET", ["reporting", "report_advertiser", "campaign", _, "conversion"]) => Self::Report,
            ("POST", ["v3", "brand", "analytics", "conversions", "filter"]) => Self::Filter,
            ("POST", ["v3", "brand", "campaigns", _, "conversions", "bulk"]) => Self::Bulk,
            ("GET", ["v3", "jobs"]) => Self::Jobs,
            ("GET", ["v3", "jobs", id]) => Self::Job(id),
            ("GET", ["v3", "jobs", id, "tasks"]) => Self::Tasks(id, None),
            ("GET", ["v3", "jobs", id, "tasks", task]) => Self::Tasks(id, Some(task)),
            ("POST", ["v3", "jobs", id, "replay"]) => Self::Replay(id),
            _ => return None,
        })
    }

    /// The dialects differ in users only: seed 001 has a list and every call on one user, the vendor's pages have neither.
    fn exists(&self, is_guide: bool, rules: &Rules) -> bool {
        match self {
            Self::ListUsers | Self::SelfUser | Self::ReadUser(_) | Self::PutUser(_) | Self::DeleteUser(_) => is_guide,
            Self::ChangeUser(_) => !is_guide && rules.calls_of_2020,
            Self::OwnUser => rules.calls_of_2020,
            Self::ChangeAddress => !is_guide,
            _ => true,
        }
    }

    pub(super) fn needs(&self) -> Rights {
        match self {
            Self::SetPublishers(_)
            | Self::CreateUser
            | Self::ChangeUser(_)
            | Self::ChangeAddress
            | Self::PutUser(_)
            | Self::DeleteUser(_)
            | Self::Bulk
            | Self::Replay(_) => Rights::Write,
            _ => Rights::Read,
        }
    }

    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Networks => "network.list",
            Self::Campaigns => "campaign.list",
            Self::Campaign => "campaign.read",
            Self::ListPublishers(_) | Self::ListPublishersTwo => "partner.list",
            Self::ReadPublisher(_) | Self::ReadPublisherTwo(_) => "partner.read",
            Self::SetPublishers(_) => "partner.update",
            Self::OwnUser | Self::SelfUser => "user.self",
            Self::CreateUser => "user.create",
            Self::ChangeUser(_) | Self::ChangeAddress | Self::PutUser(_) => "user.update",
            Self::ListUsers => "user.list",
            Self::ReadUser(_) => "user.read",
            Self::DeleteUser(_) => "user.delete",
            Self::Report => "conversion.report",
            Self::Filter => "conversion.filter",
            Self::Bulk => "conversion.bulk",
            Self::Jobs => "job.list",
            Self::Job(_) => "job.read",
            Self::Tasks(..) => "task.read",
            Self::Replay(_) => "job.replay",
        }
    }

    /// A user counts under the address, a bulk change of one conversion under its id or reference.
    pub(super) fn external_key(&self, call: &Call) -> Option<String> {
        let body = |name| call.body_text(name).map(str::to_owned);
        match self {
            Self::ReadPublisher(id)
            | Self::ReadPublisherTwo(id)
            | Self::ChangeUser(id)
            | Self::ReadUser(id)
            | Self::PutUser(id)
            | Self::DeleteUser(id)
            | Self::Job(id)
            | Self::Tasks(id, _)
            | Self::Replay(id) => Some((*id).to_owned()),
            Self::CreateUser => body("email_address").or_else(|| body("email")),
            Self::ChangeAddress => body("emailAddress"),
            Self::Bulk => jobs::external_key(call),
            _ => None,
        }
    }
}
