//! Who is credited, and why the others are not. Pure: touches, the conversion's time and the site's rules go in, a
//! [`Decision`] with its whole trace comes out; the same input gives the same decision on any machine and in any year.
//!
//! The rule (design § 5): of each program, the visitor's last valid touch not later than the conversion is a candidate; a touch
//! whose link holds no key that the vendor could take is never valid;
//! [`Credit::One`] takes the latest of all candidates, [`Credit::Each`] every program's. What follows something that was
//! credited, a renewal its customer's signup or a refund its sale, inherits that credit ([`Decision::inheriting`]). It reads
//! no clock and no ledger, and knows nothing of vendors' abilities: what a delivery needs is judged by the vendor's adapter,
//! later.

use serde::{Deserialize, Serialize};
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::{ConversionId, PartnerKey, ProgramId};
use trailmark_wire::receipt::Credited;
use trailmark_wire::time::UnixMillis;

/// The rules' version, stored with every decision so that an old one can be read by its own rules.
pub const RULES_VERSION: u32 = 3;

/// How many programs a conversion may credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credit {
    /// Every program with a valid touch.
    Each,
    /// The one program with the latest valid touch.
    #[default]
    One,
}

/// A touch, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// The ledger's id of the touch, a UUIDv7; breaks ties of time, the later id wins.
    pub id: ConversionId,
    /// The program that it was in.
    pub program: ProgramId,
    /// The partner; absent where only a click id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
    /// When it happened.
    pub at: UnixMillis,
    /// When its window ends; a conversion at exactly this point is too late.
    pub expires_at: UnixMillis,
    /// Why no vendor could take what its link holds; such a touch is passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable: Option<Unusable>,
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
    /// It is credited because what this conversion follows was: the customer's signup, or the refund's sale.
    Inherited,
    /// Another program's touch is later, and the site credits one.
    LaterTouchInOtherProgram,
    /// The same program has a later valid touch.
    LaterTouchInProgram,
    /// Its program is no longer configured.
    ProgramUnknown,
    /// Its link holds no key that the vendor could take.
    Unusable,
}

/// One touch that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// The touch.
    pub touch: Touch,
    /// What became of it.
    pub verdict: Verdict,
}

/// The decision and its whole trace.
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

    /// The same where nobody is credited by their own touch: `earlier`, the touches that were credited for what this
    /// conversion follows, are credited now, whatever their window says, in the programs that are still configured.
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

    /// The credited programs and partners, as a receipt names them.
    pub fn attribution(&self) -> Vec<Credited> {
        self.credited().map(|t| Credited { program: t.program.clone(), partner: t.partner.clone() }).collect()
    }

    /// Why nothing is credited, as a stable word; `None` when something is.
    pub fn unattributed_code(&self) -> Option<&'static str> {
        if self.credited().next().is_some() {
            return None;
        }
        let all = |verdict| self.considered.iter().all(|c| c.verdict == verdict);
        Some(match () {
            () if self.considered.is_empty() => "no_touch",
            () if all(Verdict::Expired) => "touch_expired",
            () if all(Verdict::AfterConversion) => "touch_after_conversion",
            () => "no_valid_touch",
        })
    }
}

/// Decides. `programs` are the site's configured programs; the order of `touches` does not matter.
pub fn decide(conversion_at: UnixMillis, mut touches: Vec<Touch>, programs: &[ProgramId], credit: Credit) -> Decision {
    touches.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    let mut considered: Vec<Considered> = Vec::with_capacity(touches.len());
    for touch in touches {
        let verdict = verdict(&touch, conversion_at, programs, credit, &considered);
        considered.push(Considered { touch, verdict });
    }
    Decision { rules_version: RULES_VERSION, credit, conversion_at, considered }
}

/// The verdict on a touch, given those on all later ones.
fn verdict(
    touch: &Touch,
    conversion_at: UnixMillis,
    programs: &[ProgramId],
    credit: Credit,
    later: &[Considered],
) -> Verdict {
    let mut credited = later.iter().filter(|c| c.verdict == Verdict::Credited).map(|c| &c.touch.program);
    let same_program = later.iter().any(|c| {
        c.touch.program == touch.program && matches!(c.verdict, Verdict::Credited | Verdict::LaterTouchInOtherProgram)
    });
    if touch.unusable.is_some() {
        Verdict::Unusable
    } else if !programs.contains(&touch.program) {
        Verdict::ProgramUnknown
    } else if touch.at > conversion_at {
        Verdict::AfterConversion
    } else if touch.expires_at <= conversion_at {
        Verdict::Expired
    } else if same_program {
        Verdict::LaterTouchInProgram
    } else if credit == Credit::One && credited.next().is_some() {
        Verdict::LaterTouchInOtherProgram
    } else {
        Verdict::Credited
    }
}
