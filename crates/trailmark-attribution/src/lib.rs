//! Who is credited, and why the others are not. Pure: touches, the conversion's time and the site's rules go in; a
//! [`Decision`] with its complete trace comes out. The same input always gives the same decision.
//!
//! The rule (design § 5): in each program, the visitor's last valid touch before or at the conversion is a candidate. A
//! touch whose link holds no usable key is never valid. A touch that lacks the click id that the vendor needs for such a
//! conversion is a candidate only if no valid touch has all that its vendor needs: under [`Credit::Each`] no touch of its
//! program, under [`Credit::One`] no touch at all. [`Credit::One`] takes the latest candidate, [`Credit::Each`] takes every
//! program's. A renewal inherits the credit of its customer's signup, a refund that of its sale ([`Decision::inheriting`]). This
//! crate reads no clock and no ledger and does not know what a vendor supports; the vendor's adapter decides later what a
//! delivery needs.

use serde::{Deserialize, Serialize};
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::{PartnerKey, ProgramId, TouchId};
use trailmark_wire::receipt::Credited;
use trailmark_wire::time::UnixMillis;

/// The version of the rules, stored with every decision, so that an old decision is read by its own rules.
pub const RULES_VERSION: u32 = 4;

/// How many programs a conversion may credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credit {
    /// Every program with a candidate.
    Each,
    /// The one program with the latest candidate.
    #[default]
    One,
}

/// The fields of a touch that the rules use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// The ledger's id of the touch, a UUIDv7. Of two touches at the same time, the later id wins.
    pub id: TouchId,
    /// The program of the touch.
    pub program: ProgramId,
    /// The partner; absent if only a click id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
    /// When it happened.
    pub at: UnixMillis,
    /// When its window ends; a conversion at exactly this time is too late.
    pub expires_at: UnixMillis,
    /// Why no vendor could use what its link holds; such a touch is never credited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable: Option<Unusable>,
    /// Whether the vendor credits such a conversion by a click id alone, and the touch has none. A touch without this lack is
    /// complete. One with it is credited only if its program, under [`Credit::One`] every program, has no complete valid touch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lacks_click: bool,
}

/// Why a touch was or was not credited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It happened after the conversion.
    AfterConversion,
    /// It is credited.
    Credited,
    /// Its window was over when the conversion happened.
    Expired,
    /// It is credited because the customer's signup, or the refund's sale, was credited to it.
    Inherited,
    /// It has no click id, by which alone the vendor credits such a conversion, and another valid touch has all that its own
    /// vendor needs: a touch of the same program or, under [`Credit::One`], of any program.
    LacksClick,
    /// Another program's touch is later, and the site credits only one program.
    LaterTouchInOtherProgram,
    /// The same program has a later valid touch.
    LaterTouchInProgram,
    /// Its program is no longer configured.
    ProgramUnknown,
    /// Its link holds no key that the vendor could use.
    Unusable,
}

/// One touch that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// The touch.
    pub touch: Touch,
    /// Whether and why it was credited.
    pub verdict: Verdict,
}

/// The decision and its complete trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// [`RULES_VERSION`] at the time.
    pub rules_version: u32,
    /// The credit mode in force.
    pub credit: Credit,
    /// When the conversion happened.
    pub conversion_at: UnixMillis,
    /// Every touch of the visitor, the latest first.
    pub considered: Vec<Considered>,
}

impl Decision {
    /// The credited touches, the latest first; empty when the conversion is unattributed.
    pub fn credited(&self) -> impl Iterator<Item = &Touch> {
        let credited = |c: &&Considered| matches!(c.verdict, Verdict::Credited | Verdict::Inherited);
        self.considered.iter().filter(credited).map(|c| &c.touch)
    }

    /// The same decision, unless no touch of it is credited. Then `earlier`, the touches that were credited for the signup
    /// or the sale, are credited in the programs that are still configured, even if their windows have ended.
    #[must_use]
    pub fn inheriting(mut self, earlier: Vec<Touch>, programs: &[ProgramId]) -> Self {
        if self.credited().next().is_some() {
            return self;
        }
        for touch in earlier {
            let known = programs.contains(&touch.program);
            let verdict = if known { Verdict::Inherited } else { Verdict::ProgramUnknown };
            self.considered.retain(|considered| considered.touch.id != touch.id);
            self.considered.push(Considered { touch, verdict });
        }
        self
    }

    /// The credited programs and partners, as in a receipt.
    pub fn attribution(&self) -> Vec<Credited> {
        self.credited().map(|t| Credited { program: t.program.clone(), partner: t.partner.clone() }).collect()
    }

    /// Why nothing is credited; `None` if something is.
    pub fn no_credit(&self) -> Option<NoCredit> {
        if self.credited().next().is_some() {
            return None;
        }
        let all = |verdict| self.considered.iter().all(|c| c.verdict == verdict);
        Some(match () {
            () if self.considered.is_empty() => NoCredit::NoTouch,
            () if all(Verdict::Expired) => NoCredit::TouchExpired,
            () if all(Verdict::AfterConversion) => NoCredit::TouchAfterConversion,
            () => NoCredit::NoValidTouch,
        })
    }
}

/// Why a decision credits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCredit {
    /// There is no touch.
    NoTouch,
    /// There are touches, and none counts.
    NoValidTouch,
    /// Every touch came after the conversion.
    TouchAfterConversion,
    /// Every touch's window was over.
    TouchExpired,
}

/// Decides which touches are credited. `programs` are the site's configured programs; the order of `touches` does not
/// matter.
pub fn decide(conversion_at: UnixMillis, mut touches: Vec<Touch>, programs: &[ProgramId], credit: Credit) -> Decision {
    touches.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    let complete = touches.iter().filter(|touch| !touch.lacks_click);
    let complete = complete.filter(|touch| invalid(touch, conversion_at, programs).is_none());
    let complete: Vec<ProgramId> = complete.map(|touch| touch.program.clone()).collect();
    let mut considered: Vec<Considered> = Vec::with_capacity(touches.len());
    for touch in touches {
        let verdict = invalid(&touch, conversion_at, programs);
        let verdict = verdict.unwrap_or_else(|| among_valid(&touch, credit, &considered, &complete));
        considered.push(Considered { touch, verdict });
    }
    Decision { rules_version: RULES_VERSION, credit, conversion_at, considered }
}

/// Why a touch cannot be credited, whatever other touches there are; `None` if it is valid.
fn invalid(touch: &Touch, conversion_at: UnixMillis, programs: &[ProgramId]) -> Option<Verdict> {
    if touch.unusable.is_some() {
        Some(Verdict::Unusable)
    } else if !programs.contains(&touch.program) {
        Some(Verdict::ProgramUnknown)
    } else if touch.at > conversion_at {
        Some(Verdict::AfterConversion)
    } else if touch.expires_at <= conversion_at {
        Some(Verdict::Expired)
    } else {
        None
    }
}

/// The verdict on a valid touch, after those on all later touches. `complete`: the programs with a complete valid touch. A vendor
/// takes no such conversion of a touch that lacks its click id, so such a touch must displace none that earns something.
fn among_valid(touch: &Touch, credit: Credit, later: &[Considered], complete: &[ProgramId]) -> Verdict {
    let is_displaced = match credit {
        Credit::Each => complete.contains(&touch.program),
        Credit::One => !complete.is_empty(),
    };
    let mut credited = later.iter().filter(|c| c.verdict == Verdict::Credited).map(|c| &c.touch.program);
    let same_program = later.iter().any(|c| {
        c.touch.program == touch.program && matches!(c.verdict, Verdict::Credited | Verdict::LaterTouchInOtherProgram)
    });
    if same_program {
        Verdict::LaterTouchInProgram
    } else if touch.lacks_click && is_displaced {
        Verdict::LacksClick
    } else if credit == Credit::One && credited.next().is_some() {
        Verdict::LaterTouchInOtherProgram
    } else {
        Verdict::Credited
    }
}
