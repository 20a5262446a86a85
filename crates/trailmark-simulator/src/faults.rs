//! Ordered faults: which call they strike, how often, and what happens to it.
//!
//! Arming and choosing are pure: the time is an argument, chance comes from a seed. The server carries out what a fault
//! does on the socket. A `delay` delays the answer, not the work: the call takes effect at once, so that a client that
//! stops waiting cannot know. That is the case worth testing.

use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::clock::http_date;
use crate::random::SplitMix;

/// The most faults in force at one time; each call is compared with each of them.
const ARMED_AT_MOST: usize = 1_000;

/// A fault as `POST /control/faults` takes it and `GET /control/faults` shows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// The simulated vendor, for example `partnerstack`.
    vendor: String,
    /// Any method if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// Any path if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_contains: Option<String>,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_date: Option<RetryDate>,
    /// Delays the answer, with any kind; real time.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Ends after this many strikes.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    /// Strikes this share of the matching calls; all of them if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    /// Seed of the chance; 0 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// Ends at this simulated time.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<i64>,
}

/// What happens to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Answered with `status` in the vendor's error envelope, not processed.
    Status,
    /// Processed at once; the answer waits `delay_ms`.
    Delay,
    /// The connection is reset; the call is not processed.
    ResetBefore,
    /// Processed; then the connection is reset instead of an answer.
    ResetAfter,
    /// Processed; the answer announces more bytes than it sends before the connection closes.
    Truncate,
    /// A gateway's HTML page with `status` (502), not processed.
    Html,
    /// `status` (200) with exactly `body` (nothing) instead of the vendor's envelope, not processed.
    Body,
    /// A redirect to `location` with `status` (302), not processed.
    Redirect,
}

/// The HTTP-date of a `Retry-After`: text is sent unchanged, milliseconds are written as a date.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged, expecting = "retry_after_date must be a text or milliseconds")]
enum RetryDate {
    At(i64),
    Text(String),
}

/// A fault in force.
#[derive(Debug, Serialize)]
pub(crate) struct Armed {
    id: u64,
    #[serde(flatten)]
    fault: Fault,
    /// Calls struck so far.
    struck: u64,
    #[serde(skip)]
    chance: SplitMix,
}

/// All faults in force, in the order in which they were armed.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<Armed>,
    last_id: u64,
}

/// The effect of all faults on one call.
#[derive(Debug, Default)]
pub(crate) struct Strike {
    pub(crate) delay_ms: u64,
    /// The deciding fault; `None` if only delays struck, or nothing.
    pub(crate) fault: Option<Fault>,
}

impl Strike {
    /// The kind for the log: the deciding fault, or a delay if nothing else struck.
    pub(crate) fn kind(&self) -> Option<Kind> {
        let delayed = (self.delay_ms > 0).then_some(Kind::Delay);
        self.fault.as_ref().map(Fault::kind).or(delayed)
    }
}

impl Faults {
    /// Puts a fault in force and returns its number.
    ///
    /// # Errors
    /// The sentence names the setting that is missing or invalid, or says that [`ARMED_AT_MOST`] are in force.
    pub(crate) fn arm(&mut self, fault: Fault) -> Result<u64, String> {
        fault.check()?;
        if self.armed.len() == ARMED_AT_MOST {
            return Err(format!("{ARMED_AT_MOST} faults are armed already: DELETE /control/faults first"));
        }
        self.last_id += 1;
        let chance = SplitMix::new(fault.seed.unwrap_or_default());
        self.armed.push(Armed { id: self.last_id, fault, struck: 0, chance });
        Ok(self.last_id)
    }

    pub(crate) fn armed(&self) -> &[Armed] {
        &self.armed
    }

    /// Ends the faults of one account, or all of them.
    pub(crate) fn clear(&mut self, vendor: Option<&str>) {
        self.armed.retain(|armed| vendor.is_some_and(|vendor| armed.fault.vendor != vendor));
    }

    /// Delays add up; of the other kinds the first that strikes decides.
    pub(crate) fn strike(&mut self, vendor: &str, call: &Call, now_ms: i64) -> Strike {
        let mut strike = Strike::default();
        for armed in &mut self.armed {
            if !armed.strikes(vendor, call, now_ms) {
                continue;
            }
            strike.delay_ms = strike.delay_ms.saturating_add(armed.fault.delay_ms.unwrap_or_default());
            if armed.fault.kind != Kind::Delay {
                strike.fault = Some(armed.fault.clone());
                break;
            }
        }
        strike
    }
}

impl Armed {
    fn strikes(&mut self, vendor: &str, call: &Call, now_ms: i64) -> bool {
        let over = self.fault.times.is_some_and(|times| self.struck >= times)
            || self.fault.until_ms.is_some_and(|until_ms| now_ms >= until_ms);
        if over || !self.fault.concerns(vendor, call) {
            return false;
        }
        let strikes = self.fault.probability.is_none_or(|share| self.chance.unit() < share);
        self.struck += u64::from(strikes);
        strikes
    }
}

impl Fault {
    pub(crate) fn vendor(&self) -> &str {
        &self.vendor
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The status of a `status`, `html`, `body` or `redirect`.
    pub(crate) fn status(&self) -> StatusCode {
        let usual = match self.kind {
            Kind::Redirect => StatusCode::FOUND,
            Kind::Body => StatusCode::OK,
            _ => StatusCode::BAD_GATEWAY,
        };
        self.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(usual)
    }

    /// The body of a `body`.
    pub(crate) fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    pub(crate) fn location(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(self.location.as_deref()?).ok()
    }

    /// The value of `Retry-After`, if one was ordered.
    pub(crate) fn retry_after(&self) -> Option<HeaderValue> {
        let text = match (&self.retry_after_date, self.retry_after_s) {
            (Some(RetryDate::At(at_ms)), _) => http_date(*at_ms)?,
            (Some(RetryDate::Text(text)), _) => text.clone(),
            (None, seconds) => seconds?.to_string(),
        };
        HeaderValue::from_str(&text).ok()
    }

    fn concerns(&self, vendor: &str, call: &Call) -> bool {
        self.vendor == vendor
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(call.method.as_str()))
            && self.path_contains.as_deref().is_none_or(|part| call.path.contains(part))
    }

    fn check(&self) -> Result<(), String> {
        let missing = match self.kind {
            Kind::Status if self.status.is_none() => Some("status"),
            Kind::Delay if self.delay_ms.is_none() => Some("delay_ms"),
            Kind::Redirect if self.location().is_none() => Some("location"),
            _ => None,
        };
        if let Some(name) = missing {
            return Err(format!("{name} is needed by a fault of this kind"));
        }
        if self.status.is_some_and(|status| !(200..600).contains(&status)) {
            return Err("status must be a final one, from 200 to 599".to_owned());
        }
        if self.body.is_some() && self.kind != Kind::Body {
            return Err("body belongs to a fault of kind body".to_owned());
        }
        if self.probability.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err("probability must lie between 0 and 1".to_owned());
        }
        let hinted = self.retry_after_s.is_some() || self.retry_after_date.is_some();
        if hinted && (self.retry_after().is_none() || self.kind != Kind::Status) {
            return Err("retry_after belongs to a fault of kind status and must be printable".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ARMED_AT_MOST, Faults};

    #[test]
    fn a_thousand_faults_are_enough() {
        let mut faults = Faults::default();
        let mut arm = || {
            let fault = json!({ "vendor": "partnerstack", "kind": "truncate" });
            faults.arm(serde_json::from_value(fault).unwrap())
        };
        assert!((0..ARMED_AT_MOST).all(|_| arm().is_ok()));
        assert!(arm().unwrap_err().contains("DELETE /control/faults"));
    }
}
