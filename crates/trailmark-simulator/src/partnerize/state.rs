//! One Partnerize account: its content, and how it behaves. Times are arguments, money is in ten-thousandths of the
//! currency's unit.
//!
//! Both dialects use this shape, each for its own account. Deleted users keep their place, so that no id is used again.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::jobs::Job;
use super::seed;
use crate::random::SplitMix;
use crate::settings::Pace;

/// The id of the API key's user; seed 001 shows it.
pub(super) const OWN_USER: i64 = 123;

/// Ten-thousandths in one unit of a currency; bulk updates have four decimals.
pub(super) const UNIT: i64 = 10_000;

/// Their decimal places.
pub(super) const PLACES: usize = 4;

/// How an account behaves. What one source says, or none, is a setting; `Default` is what the vendor's pages of 2026 say, and
/// where they are silent the harder case for a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    #[serde(skip)]
    pub(super) pace: Pace,
    /// How long a conversion is missing from reports, filters and bulk updates; the pace decides if absent.
    pub(super) visible_after_ms: Option<i64>,
    /// How long a bulk job takes; the pace decides if absent.
    pub(super) job_ms: Option<i64>,
    /// Jobs end as `failed`, without effect.
    pub(super) jobs_fail: bool,
    /// `false` makes every accepted call an effect.
    pub(super) dedupe: bool,
    /// `unique_conversion_refs` of the campaign: a reference that is known is not recorded again.
    pub(super) unique_refs: bool,
    /// `multiple_conversions_per_click` of the campaign; no limit if absent.
    pub(super) per_click: Option<usize>,
    /// A repeated reference is answered with the id of the first conversion instead of nothing. No document says.
    pub(super) repeat_answers_id: bool,
    /// `false` leaves the body empty even if a conversion was recorded.
    pub(super) answers_id: bool,
    /// The conversion's path is decoded before it is split, so that encoding protects nothing (vendors-2.md § 1.1).
    pub(super) decode_first: bool,
    /// `cookie_period` of the campaign, in days.
    pub(super) cookie_days: i64,
    /// Landing pages get the `clickref`.
    pub(super) append_clickref: bool,
    /// The report needs no `start_date`, as one brand's scripts expect.
    pub(super) dates_optional: bool,
    /// Calls that only the pages of 2020 have: `GET /user` and `POST /user/{id}`.
    pub(super) calls_of_2020: bool,
    /// Filters of the report that only the pages of 2020 have; otherwise they are ignored.
    pub(super) filters_of_2020: bool,
    /// Conversions on a page of the report; at most 300.
    pub(super) report_page: usize,
    /// The report continues by `cursor_id` instead of `offset`.
    pub(super) report_cursor: bool,
    /// Partners, users and jobs on a page, if the call names no limit.
    pub(super) list_page: usize,
    /// In the guide, what a `PUT` of a user leaves out is reset.
    pub(super) put_resets: bool,
    /// In the guide, the least characters of a password. No document has a rule.
    pub(super) password_chars: usize,
    /// Rights of the API key.
    pub(super) rights: Rights,
}

/// What the user of an API key may do: without `Read` everything is 404, without `Write` every change is 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rights {
    None,
    Read,
    Write,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            visible_after_ms: None,
            job_ms: None,
            jobs_fail: false,
            dedupe: true,
            unique_refs: true,
            per_click: None,
            repeat_answers_id: false,
            answers_id: true,
            decode_first: true,
            cookie_days: 30,
            append_clickref: true,
            dates_optional: false,
            calls_of_2020: true,
            filters_of_2020: false,
            report_page: 300,
            report_cursor: true,
            list_page: 100,
            put_resets: true,
            password_chars: 1,
            rights: Rights::Write,
        }
    }
}

impl Rules {
    /// No document says how far the report lags; five minutes are a guess.
    pub(super) fn unseen_ms(&self) -> i64 {
        self.visible_after_ms.unwrap_or(match self.pace {
            Pace::Demo => 3_000,
            Pace::Real => 300_000,
        })
    }

    /// No document says how long a job takes.
    pub(super) fn busy_ms(&self) -> i64 {
        self.job_ms.unwrap_or(match self.pace {
            Pace::Demo => 1_000,
            Pace::Real => 30_000,
        })
    }
}

/// A user, with the members of both dialects. `None` is a field that was not sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) user_id: String,
    pub(super) user_name: String,
    pub(super) email: String,
    pub(super) firstname: Option<String>,
    pub(super) lastname: Option<String>,
    pub(super) status: String,
    pub(super) role: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) locale: Option<String>,
    /// The members that only the vendor's own pages have, without the password.
    pub(super) more: Map<String, Value>,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) deleted: bool,
}

/// A partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Publisher {
    pub(super) id: String,
    pub(super) account_name: String,
    pub(super) contact_email: String,
    /// Partner and campaign in a link.
    pub(super) camref: String,
    /// `a` approved, `p` pending, `r` requested or rejected, `n` none.
    pub(super) campaign_status: String,
    pub(super) created_ms: i64,
}

impl Publisher {
    pub(super) fn new(number: i64, account_name: &str, slug: &str, created_ms: i64) -> Self {
        Self {
            id: format!("1011l{}", 400 + number),
            account_name: account_name.to_owned(),
            contact_email: format!("{slug}@partners.example"),
            camref: format!("1011l{slug}"),
            campaign_status: "a".to_owned(),
            created_ms,
        }
    }

    pub(super) fn is_approved(&self) -> bool {
        self.campaign_status == "a"
    }
}

/// A visit through a partner's link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Click {
    pub(super) clickref: String,
    pub(super) publisher_id: String,
    pub(super) conversions: usize,
    pub(super) created_ms: i64,
}

/// A conversion with at least one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Conversion {
    /// Counts up; cursors of the report name it.
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) reference: String,
    pub(super) publisher_id: String,
    pub(super) clickref: String,
    pub(super) clicked_ms: i64,
    pub(super) time_ms: i64,
    pub(super) visible_ms: i64,
    pub(super) modified_ms: i64,
    /// When its commission was paid.
    pub(super) paid_ms: Option<i64>,
    /// Empty for events without money.
    pub(super) currency: String,
    pub(super) country: Option<String>,
    pub(super) customer_type: Option<String>,
    pub(super) customer_reference: Option<String>,
    pub(super) advertiser_reference: Option<String>,
    pub(super) publisher_reference: Option<String>,
    pub(super) voucher: Option<String>,
    pub(super) meta: Map<String, Value>,
    pub(super) items: Vec<Item>,
}

/// A line of the basket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) sku: Option<String>,
    pub(super) category: String,
    /// Of all its pieces together.
    pub(super) value: i64,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) approved_ms: Option<i64>,
    pub(super) modified_ms: i64,
    pub(super) is_displayed: bool,
    pub(super) meta: Map<String, Value>,
}

impl Item {
    /// A tenth of the value, of which nothing stays with the network.
    pub(super) fn commission(&self) -> i64 {
        self.value / 10
    }
}

impl Conversion {
    /// That of its items; if they differ, the one that still asks for most attention.
    pub(super) fn status(&self) -> &str {
        let has = |status: &str| self.items.iter().any(|item| item.status == status);
        ["pending", "approved"].into_iter().find(|status| has(status)).unwrap_or("rejected")
    }

    pub(super) fn value(&self) -> i64 {
        self.items.iter().map(|item| item.value).sum()
    }

    pub(super) fn commission(&self) -> i64 {
        self.items.iter().map(Item::commission).sum()
    }
}

/// One account. What serde writes of it is what a restart goes on with.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) users: Vec<User>,
    pub(super) publishers: Vec<Publisher>,
    pub(super) clicks: Vec<Click>,
    pub(super) conversions: Vec<Conversion>,
    pub(super) jobs: Vec<Job>,
    click_places: HashMap<String, usize>,
    /// The first conversion with a reference.
    references: HashMap<String, usize>,
    /// The last number that an id was made of.
    last: u64,
    random: SplitMix,
    /// Bodies of webhooks that nobody was told of yet.
    #[serde(skip)]
    pub(super) events: Vec<Value>,
}

impl Account {
    pub(super) fn new() -> Self {
        Self {
            users: seed::users(),
            publishers: seed::publishers(),
            clicks: Vec::new(),
            conversions: Vec::new(),
            jobs: Vec::new(),
            click_places: HashMap::new(),
            references: HashMap::new(),
            last: 1_000,
            random: SplitMix::new(0x70_61_72_74_7a),
            events: Vec::new(),
        }
    }

    /// A new id such as `1011l1001`. It is never a number.
    pub(super) fn mint(&mut self) -> String {
        self.last += 1;
        format!("1011l{}", self.last)
    }

    /// Records a click on a partner's link; without a `clickref` it makes one, whose case matters. The same one again is the
    /// same click.
    ///
    /// # Errors
    /// The click belongs to another partner.
    pub(super) fn click(
        &mut self,
        clickref: Option<String>,
        publisher_id: &str,
        now_ms: i64,
    ) -> Result<String, &'static str> {
        let clickref = clickref.unwrap_or_else(|| {
            let key = self.random.key("");
            let mixed = key.chars().zip([true, false, false].into_iter().cycle());
            let letters = mixed.map(|(letter, is_upper)| if is_upper { letter.to_ascii_uppercase() } else { letter });
            format!("1011l{}", letters.collect::<String>())
        });
        if let Some(earlier) = self.clicked(&clickref) {
            let is_same = earlier.publisher_id == publisher_id;
            return if is_same { Ok(clickref) } else { Err("clickref belongs to another partner") };
        }
        self.click_places.insert(clickref.clone(), self.clicks.len());
        let publisher_id = publisher_id.to_owned();
        self.clicks.push(Click { clickref: clickref.clone(), publisher_id, conversions: 0, created_ms: now_ms });
        Ok(clickref)
    }

    pub(super) fn clicked(&self, clickref: &str) -> Option<&Click> {
        self.click_places.get(clickref).and_then(|place| self.clicks.get(*place))
    }

    pub(super) fn publisher(&self, id: &str) -> Option<&Publisher> {
        self.publishers.iter().find(|one| one.id == id)
    }

    /// The first conversion with that reference, visible or not.
    pub(super) fn referred(&self, reference: &str) -> Option<&Conversion> {
        self.references.get(reference).and_then(|place| self.conversions.get(*place))
    }

    pub(super) fn record(&mut self, conversion: Conversion) {
        let click = self.click_places.get(&conversion.clickref).and_then(|place| self.clicks.get_mut(*place));
        if let Some(click) = click {
            click.conversions += 1;
        }
        self.references.entry(conversion.reference.clone()).or_insert(self.conversions.len());
        self.tell("conversion.pending", &conversion);
        self.conversions.push(conversion);
    }

    /// Replaces the conversion at a place and tells of its new status.
    pub(super) fn replace(&mut self, place: usize, changed: Conversion) {
        let Some(standing) = self.conversions.get_mut(place) else { return };
        let (before, after) = (standing.status().to_owned(), changed.status().to_owned());
        let is_renamed = standing.reference != changed.reference;
        *standing = changed.clone();
        if is_renamed {
            self.references.entry(changed.reference.clone()).or_insert(place);
        }
        let event = match after.as_str() {
            "approved" => "conversion.approved",
            "rejected" => "conversion.rejected",
            _ => "conversion.pending",
        };
        if before != after {
            self.tell(event, &changed);
        }
    }

    fn tell(&mut self, event: &str, conversion: &Conversion) {
        let told = json!({
            "event": event,
            "conversion_id": conversion.id,
            "conversion_reference": conversion.reference,
            "status": conversion.status(),
        });
        self.events.push(told);
    }

    pub(super) fn visible(&self, now_ms: i64) -> impl Iterator<Item = &Conversion> {
        self.conversions.iter().filter(move |one| one.visible_ms <= now_ms)
    }

    pub(super) fn live_users(&self) -> impl Iterator<Item = &User> {
        self.users.iter().filter(|user| !user.deleted)
    }
}

/// A decimal number of at most four decimals, in ten-thousandths.
pub(super) fn units(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(whole) || !is_plain(part) || part.len() > 4 {
        return None;
    }
    format!("{whole}{part:0<4}").parse().ok()
}

/// Ten-thousandths as a JSON number.
pub(super) fn number(units: i64) -> Value {
    let text = format!("{}.{:04}", units / UNIT, (units % UNIT).abs());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{number, units};

    #[test]
    fn money_is_read_and_written_without_a_float() {
        for (text, wanted) in [("9.99", 99_900), ("400", 4_000_000), ("0.0001", 1), ("12.5", 125_000)] {
            assert_eq!(units(text), Some(wanted), "{text}");
        }
        for text in ["", ".5", "5.", "-1", "1e3", "1,5", "0.00001", "99999999999999999999"] {
            assert_eq!(units(text), None, "{text}");
        }
        assert_eq!([99_900, 4_000_000, 1, 0].map(number), [json!(9.99), json!(400), json!(0.0001), json!(0)]);
    }
}
