//! The ruling on a browser's conversion: accepted, duplicate, held or unattributed. A pure function of what the ledger knows
//! inside the accepting transaction; the ledger writes what it says. A browser's word is limited here (design § 4): it moves no
//! money, states no signed customer, and learns nothing about other conversions. Server callers and merchant-signed orders,
//! whose verification ends `order_unverified`, come with a later version and get a ruling beside this one.

use trailmark_attribution::{Credit, Decision, decide};
use trailmark_wire::conversion::{Conversion, CustomerClaim, Event, Kind, OrderClaim};
use trailmark_wire::ids::{ConversionId, ProgramId, VendorName};
use trailmark_wire::receipt::{DeliveryNote, Receipt, Status};
use trailmark_wire::time::UnixMillis;

use crate::config::{Limits, Site};
use crate::outbox;
use crate::random::{NoRandomness, Random};
use crate::store::{Known, NewConversion, NewDelivery, Ruling, StoreError};

/// What the site's configuration says about conversions, and the ids that a ruling may need.
#[derive(Debug)]
pub(super) struct Rules {
    programs: Vec<ProgramAt>,
    credit: Credit,
    signups_per_visitor: u32,
    require_signed_customer: bool,
    queue: u64,
    /// Program and expiry of the token's touch, by which it is found again.
    token: (ProgramId, i64),
}

#[derive(Debug)]
struct ProgramAt {
    id: ProgramId,
    vendor: VendorName,
    /// The id of a delivery for it, should there be one.
    delivery: ConversionId,
}

impl Rules {
    /// The rules of a site.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(super) fn new(
        site: &Site,
        limits: &Limits,
        token: (ProgramId, i64),
        random: Random,
        now: UnixMillis,
    ) -> Result<Self, NoRandomness> {
        let program = |program: &crate::config::Program| {
            Ok(ProgramAt { id: program.id.clone(), vendor: program.vendor, delivery: random.ledger_id(now)? })
        };
        Ok(Self {
            programs: site.programs.iter().map(program).collect::<Result<_, _>>()?,
            credit: site.credit,
            signups_per_visitor: site.signups_per_visitor,
            require_signed_customer: site.require_signed_customer,
            queue: limits.queue,
            token,
        })
    }

    /// Decides about a conversion.
    ///
    /// # Errors
    /// [`StoreError::Full`] when deliveries would be made and the site's queue is at its limit.
    pub(super) fn rule(self, new: &Verified, known: &Known) -> Result<Ruling, StoreError> {
        let decision = self.decide(new, known);
        let credited: Vec<&ProgramAt> = decision
            .credited()
            .filter_map(|touch| self.programs.iter().find(|program| program.id == touch.program))
            .collect();
        let free: Vec<&ProgramAt> = credited.iter().copied().filter(|p| !known.claimed.contains(&p.id)).collect();
        let (status, code) = match decision.unattributed_code() {
            Some(code) => (Status::Unattributed, Some(code)),
            None if free.is_empty() => (Status::Duplicate, None),
            None => match self.held(&new.conversion, known) {
                Some(code) => (Status::Held, Some(code)),
                None => (Status::Accepted, None),
            },
        };
        let deliveries =
            if status == Status::Accepted { deliveries(&free, &decision, new.received_at) } else { Vec::new() };
        if !deliveries.is_empty() && known.queued >= self.queue {
            return Err(StoreError::Full);
        }
        let receipt = Receipt {
            conversion_id: new.id.clone(),
            status,
            code: code.map(str::to_owned),
            // Whose the first one was is none of a browser's business.
            attribution: if status == Status::Duplicate { Vec::new() } else { decision.attribution() },
            deliveries: deliveries.iter().map(note).collect(),
            replayed: false,
        };
        Ok(Ruling { receipt, decision, deliveries })
    }

    /// Credits as of the conversion's time, which is not before the touch that the token stands for.
    fn decide(&self, new: &Verified, known: &Known) -> Decision {
        let touches: Vec<_> = known.touches.iter().map(|stored| stored.touch.clone()).collect();
        let (program, expires_s) = &self.token;
        let of_token = touches.iter().filter(|t| t.program == *program && t.expires_at.seconds() == *expires_s);
        let earliest = of_token.map(|touch| touch.at).max();
        let at = earliest.map_or(new.occurred_at, |earliest| new.occurred_at.max(earliest.min(new.received_at)));
        let programs: Vec<ProgramId> = self.programs.iter().map(|program| program.id.clone()).collect();
        decide(at, touches, &programs, self.credit)
    }

    /// Why a browser's conversion must wait for a server or an operator; `None` when it need not.
    fn held(&self, conversion: &Conversion, known: &Known) -> Option<&'static str> {
        let signed_customer = matches!(conversion.customer, Some(CustomerClaim::Signed(_)));
        match &conversion.event {
            Event::Sale(OrderClaim::Signed(_)) => Some("order_unverified"),
            _ if signed_customer => Some("order_unverified"),
            Event::Sale(OrderClaim::Plain(_)) | Event::Refund { .. } => Some("money_unsigned"),
            _ if self.require_signed_customer => Some("customer_unsigned"),
            Event::Signup if known.signups_by_visitor >= self.signups_per_visitor => Some("signups_per_visitor"),
            Event::Signup | Event::Lead => None,
        }
    }
}

/// What a ruling looks at of a verified conversion.
#[derive(Debug)]
pub(super) struct Verified {
    id: ConversionId,
    conversion: Conversion,
    occurred_at: UnixMillis,
    received_at: UnixMillis,
}

impl Verified {
    pub(super) fn of(new: &NewConversion) -> Self {
        let (id, conversion) = (new.id.clone(), new.conversion.clone());
        Self { id, conversion, occurred_at: new.occurred_at, received_at: new.received_at }
    }
}

/// Whether a browser may say this at all.
pub(super) fn may_say(conversion: &Conversion) -> bool {
    conversion.kind() != Kind::Refund
}

fn deliveries(programs: &[&ProgramAt], decision: &Decision, now: UnixMillis) -> Vec<NewDelivery> {
    let to = |program: &&ProgramAt| {
        let touch = decision.credited().find(|touch| touch.program == program.id)?;
        Some(NewDelivery {
            id: program.delivery.clone(),
            program: program.id.clone(),
            vendor: program.vendor,
            touch: touch.id.clone(),
            due_at: now,
        })
    };
    programs.iter().filter_map(to).collect()
}

fn note(delivery: &NewDelivery) -> DeliveryNote {
    DeliveryNote { program: delivery.program.clone(), state: outbox::State::Due.as_str().to_owned() }
}
