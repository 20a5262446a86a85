//! Decides whether a conversion is accepted, duplicate, held, unattributed or rejected. Pure: the input is what the
//! ledger knows inside the accepting transaction, and the ledger writes the result. The same rule decides again when
//! an operator releases a held conversion and when a sale arrives that refunds wait for.
//!
//! A browser's conversion is limited (design § 4). It moves no money without the merchant's signature, and it never
//! changes an existing customer or order. It also learns nothing about other conversions: once its visitor was told
//! of as many customers as the site allows, a taken key and a free key get the same bytes as answer. A server's
//! conversion counts, and closes held conversions with the same key. If another visitor's page had claimed that key,
//! the page loses its credit, and sales wait while a vendor may still credit the page's partner. [`super::money`] has
//! the rules for refunds.

use std::sync::Arc;

use trailmark_attribution::{Credit, Decision, Touch, decide};
use trailmark_wire::capture::Rule;
use trailmark_wire::conversion::{Conversion, CustomerClaim, Event, Kind, OrderClaim};
use trailmark_wire::ids::{ConversionId, CustomerKey, DeliveryId, ProgramId, SiteId};
use trailmark_wire::money::Money;
use trailmark_wire::receipt::{DeliveryNote, Receipt, Status};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

use super::money::{as_known, refund_end};
use crate::code::Code;
use crate::config::{Config, Limits, SignupsFrom, Site, duration_text};
use crate::keys::crypto::sha256;
use crate::outbox;
use crate::store::{
    Assurance, Consequence, FOLLOWERS_AT_ONCE, FollowRule, Held, Known, Limit, NewConversion, NewDelivery, ReleaseRule,
    Ruling, StoreError, StoredTouch,
};

/// Conversions of one visitor's pages that may become held in a day. Real people stay far below; the limit keeps
/// others from filling the ledger.
const HELD_PER_VISITOR: u32 = 100;

/// Program and expiry of the click token's touch; together they identify the touch.
pub(super) type TokenTouch = (ProgramId, i64);

/// What the site's configuration says about conversions.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    programs: Vec<(ProgramId, VendorName)>,
    credit: Credit,
    signups_per_visitor: u32,
    require_signed_customer: bool,
    signups_from: SignupsFrom,
    signup_wait_ms: i64,
    queue: u64,
}

/// Who states a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// A page.
    Browser(Claims),
    /// The merchant's backend.
    Server,
    /// An operator, who released it.
    Operator,
}

/// What the merchant's signatures say about a page's conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claims {
    /// Code of the first flaw of a statement.
    doubt: Option<Code>,
    customer_vouched: bool,
    order_vouched: bool,
}

/// The parts of a conversion that a ruling needs.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) id: ConversionId,
    pub(super) kind: Kind,
    pub(super) customer: Option<CustomerKey>,
    /// Total of a sale or refund.
    pub(super) money: Option<Money>,
    occurred_at: UnixMillis,
    now: UnixMillis,
    token: Option<TokenTouch>,
    word: Word,
    is_test: bool,
}

impl Case {
    /// For a conversion that was just verified. `doubt` is what [`super::merchant`] found, `token` the click token's
    /// touch.
    pub(super) fn of(new: &NewConversion, doubt: Option<Code>, token: Option<TokenTouch>) -> Self {
        let conversion = &new.conversion;
        Self {
            id: new.id.clone(),
            kind: conversion.kind(),
            customer: conversion.plain_customer().map(|customer| customer.key.clone()),
            money: conversion.plain_order().map(|order| order.money()),
            occurred_at: new.occurred_at,
            now: new.received_at,
            token,
            word: match new.assurance {
                Assurance::Server => Word::Server,
                Assurance::Bearer | Assurance::Bound => Word::Browser(Claims {
                    doubt,
                    customer_vouched: matches!(conversion.customer, Some(CustomerClaim::Vouched(..))),
                    order_vouched: matches!(conversion.event, Event::Sale(OrderClaim::Vouched(..))),
                }),
            },
            is_test: conversion.test,
        }
    }

    /// For a held conversion that an operator releases, or whose sale has arrived.
    pub(super) fn of_held(held: &Held, now: UnixMillis) -> Self {
        Self {
            id: held.id.clone(),
            kind: held.kind,
            customer: held.customer.clone(),
            money: held.money,
            occurred_at: held.occurred_at,
            now,
            token: None,
            word: Word::Operator,
            is_test: false,
        }
    }

    fn is_browsers(&self) -> bool {
        matches!(self.word, Word::Browser(_))
    }

    /// Whether it rests on the merchant's word: of the backend, of an operator, or by a signature that a page passed on.
    fn is_merchants(&self) -> bool {
        match &self.word {
            Word::Browser(claims) => claims.doubt.is_none() && (claims.customer_vouched || claims.order_vouched),
            Word::Server | Word::Operator => true,
        }
    }

    /// Whether it may inherit the credit of the conversion that it follows. A page that names a customer must not
    /// learn which partner signed that customer up.
    fn may_inherit(&self) -> bool {
        match &self.word {
            Word::Browser(claims) => claims.order_vouched && claims.doubt.is_none(),
            Word::Server | Word::Operator => true,
        }
    }
}

impl Rules {
    /// The rules of a site.
    pub(super) fn of(site: &Site, limits: &Limits) -> Self {
        Self {
            programs: site.programs.iter().map(|program| (program.id.clone(), program.vendor)).collect(),
            credit: site.credit,
            signups_per_visitor: site.signups_per_visitor,
            require_signed_customer: site.require_signed_customer,
            signups_from: site.signups_from,
            signup_wait_ms: site.signup_wait_ms,
            queue: limits.queue,
        }
    }

    /// Decides about a conversion.
    ///
    /// # Errors
    /// [`StoreError::Full`] when it would make deliveries and the site's queue is at the limit for this sender;
    /// [`StoreError::OverBudget`] when the visitor already has [`HELD_PER_VISITOR`] conversions held today.
    pub(super) fn rule(&self, case: &Case, known: &Known) -> Result<Ruling, StoreError> {
        let decision = self.decide(case, known);
        if case.is_test {
            return Ok(tried(case, decision));
        }
        let free = self.free(case, known, &decision);
        let (status, code) = self.status(case, known, &decision, &free);
        if status == Status::Held && case.is_browsers() && known.held_of_visitor >= HELD_PER_VISITOR {
            return Err(StoreError::OverBudget);
        }
        let waits = self.waits(case, known);
        let deliveries =
            if status == Status::Accepted { deliveries(case, &free, &decision, waits) } else { Vec::new() };
        let (most, limit) = self.room(case);
        if !deliveries.is_empty() && known.queued >= most {
            return Err(StoreError::Full(limit));
        }
        let receipt = Receipt {
            conversion_id: case.id.clone(),
            status,
            code: code.map(|code| code.as_str().to_owned()),
            // A duplicate credits nobody, and a browser must not learn which partner the first conversion credited.
            attribution: if status == Status::Duplicate { Vec::new() } else { decision.attribution() },
            deliveries: deliveries.iter().map(note).collect(),
            // [`super::warnings`] adds them.
            warnings: Vec::new(),
            replayed: false,
        };
        let mut ruling = Ruling { receipt, decision, deliveries, consequences: Vec::new() };
        ruling.consequences = self.consequences(case, known, &ruling)?;
        Ok(ruling)
    }

    /// Decides again about a held conversion that an operator releases.
    ///
    /// # Errors
    /// [`StoreError::Refused`], with the cure, when nothing can be sent even so; [`StoreError::Full`] as in
    /// [`Self::rule`].
    fn release(&self, held: &Held, known: &Known, now: UnixMillis) -> Result<Ruling, StoreError> {
        if held.external_id.is_none() {
            return Err(refused(
                "none of the site's `order_keys` verifies this conversion's statement, so its content is unknown: reject it, \
                 and have the backend report it with an API key",
            ));
        }
        let ruling = self.rule(&Case::of_held(held, now), known)?;
        let code = ruling.receipt.code.as_deref().unwrap_or_default();
        match ruling.receipt.status {
            Status::Accepted => Ok(ruling),
            Status::Duplicate => Err(refused("another conversion holds this business key: reject this one")),
            Status::Held if code == Code::SignupDisputed.as_str() => Err(refused(
                "the vendor may still credit another partner for this customer: run `conversions reassign` with \
                 the customer's key; the sale is then released automatically",
            )),
            Status::Held => {
                Err(refused("its sale is not known yet: the refund is released automatically when the sale arrives"))
            }
            Status::Unattributed | Status::Rejected => {
                Err(refused(&format!("nothing would be sent ({code}): reject it, or fix the cause first")))
            }
        }
    }

    /// Credits as of the conversion's time, but never before the touch of its click token.
    fn decide(&self, case: &Case, known: &Known) -> Decision {
        let programs: Vec<ProgramId> = self.programs.iter().map(|(program, _)| program.clone()).collect();
        // A refund goes to the programs of its sale, whatever the visitor clicked since.
        if case.kind == Kind::Refund {
            let sale = known.sale.as_ref().map(|sale| sale.touches.clone()).unwrap_or_default();
            return decide(case.occurred_at, Vec::new(), &programs, self.credit).inheriting(sale, &programs);
        }
        let touches: Vec<_> = known.touches.iter().map(|stored| self.seen(case.kind, stored)).collect();
        let of_token = touches.iter().filter(|touch| {
            let token = case.token.as_ref();
            token.is_some_and(|(program, exp)| touch.program == *program && touch.expires_at.seconds() == *exp)
        });
        let earliest = of_token.map(|touch| touch.at).max();
        let at = earliest.map_or(case.occurred_at, |earliest| case.occurred_at.max(earliest.min(case.now)));
        let decision = decide(at, touches, &programs, self.credit);
        if case.may_inherit() { decision.inheriting(known.signup.clone(), &programs) } else { decision }
    }

    /// A touch, as this kind of conversion sees it. Where the vendor credits a new customer by a click id alone, a link that
    /// names only a partner must not displace a click.
    fn seen(&self, kind: Kind, stored: &StoredTouch) -> Touch {
        let program = self.programs.iter().find(|(program, _)| *program == stored.touch.program);
        let rule = Rule { vendor: program.map(|(_, vendor)| *vendor), params: &[] };
        let needs_click = matches!(kind, Kind::Signup | Kind::Lead) && !rule.takes_partner();
        Touch { lacks_click: needs_click && stored.captured.click_id.is_none(), ..stored.touch.clone() }
    }

    /// Returns the credited programs whose claim on the business key is free. Pages: a key that was stated anywhere is taken
    /// everywhere. Sites with one credit: a key claimed in one program is taken in all, because reporting it again after another
    /// program's touch would pay twice. A refund is exempt: it goes once to each program of its sale.
    fn free(&self, case: &Case, known: &Known, decision: &Decision) -> Vec<(ProgramId, VendorName)> {
        let is_paid_once = self.credit == Credit::One && case.kind != Kind::Refund;
        let claimed = if self.overrules(case, known) { &[][..] } else { &known.claimed };
        if (case.is_browsers() && is_taken(known)) || (is_paid_once && !claimed.is_empty()) {
            return Vec::new();
        }
        let program = |touch: &Touch| self.programs.iter().find(|(id, _)| *id == touch.program);
        let credited = decision.credited().filter_map(program);
        credited.filter(|(program, _)| !claimed.contains(program)).cloned().collect()
    }

    /// Whether a server's conversion ends the claims of other visitors' pages on the same key. An attacker may have
    /// guessed the key and claimed it before the customer signed up.
    fn overrules(&self, case: &Case, known: &Known) -> bool {
        let is_claimable = matches!(case.kind, Kind::Signup | Kind::Lead) && self.signups_from != SignupsFrom::Pages;
        is_claimable && case.word == Word::Server && known.is_claimed_by_page
    }

    /// How many unsettled deliveries the site may have. Half is reserved for what the merchant says or signed: anybody can fill
    /// a queue with pages, and a backend's sale is refused only when the merchant's own calls have filled the rest.
    fn room(&self, case: &Case) -> (u64, Limit) {
        match case.is_merchants() {
            true => (self.queue.saturating_mul(2), Limit::Queue),
            false => (self.queue, Limit::Pages),
        }
    }

    /// Milliseconds for which a page's signup waits for the backend to state the customer. If the backend overrules
    /// the page meanwhile, no vendor was told of the page's claim.
    fn waits(&self, case: &Case, known: &Known) -> i64 {
        let is_plain = matches!(&case.word, Word::Browser(claims) if !claims.customer_vouched);
        let is_awaited = self.signups_from == SignupsFrom::Both && known.has_api_key;
        if case.kind == Kind::Signup && is_plain && is_awaited { self.signup_wait_ms } else { 0 }
    }

    fn status(
        &self,
        case: &Case,
        known: &Known,
        decision: &Decision,
        free: &[(ProgramId, VendorName)],
    ) -> (Status, Option<Code>) {
        if let Some((status, code)) = refund_end(case, known, free.is_empty()) {
            return (status, code);
        }
        if case.kind == Kind::Signup && case.word == Word::Server && self.signups_from == SignupsFrom::Pages {
            return (Status::Rejected, Some(Code::SignupsFromPages));
        }
        let overruling = self.overrules(case, known).then_some(Code::ClaimedByPage);
        let is_disputed = free.iter().any(|(program, _)| known.disputed.contains(program));
        match decision.no_credit().map(Code::from) {
            // A page that names a customer must not learn that the customer's signup was rejected.
            Some(Code::NoTouch) if known.is_signup_rejected && !case.is_browsers() => {
                (Status::Unattributed, Some(Code::SignupRejected))
            }
            Some(code) => (Status::Unattributed, overruling.or(Some(code))),
            None if known.is_own && free.is_empty() => (Status::Duplicate, None),
            // This comes before the check for a taken key; otherwise a page could probe any number of keys.
            None => match self.held(case, known) {
                Some(code) => (Status::Held, Some(code)),
                None if free.is_empty() => (Status::Duplicate, None),
                None if is_disputed => (Status::Held, Some(Code::SignupDisputed)),
                None => (Status::Accepted, overruling),
            },
        }
    }

    /// Why a browser's conversion must wait for a server or an operator, whether or not its key is taken.
    fn held(&self, case: &Case, known: &Known) -> Option<Code> {
        let Word::Browser(claims) = &case.word else { return None };
        match case.kind {
            _ if claims.doubt.is_some() => claims.doubt,
            Kind::Sale | Kind::Refund => (!claims.order_vouched).then_some(Code::MoneyUnsigned),
            _ if self.require_signed_customer && !claims.customer_vouched => Some(Code::CustomerUnsigned),
            Kind::Signup if self.signups_from == SignupsFrom::Backend && !claims.customer_vouched => {
                Some(Code::SignupsFromBackend)
            }
            Kind::Signup | Kind::Lead => {
                (known.told_to_visitor >= self.signups_per_visitor).then_some(Code::SignupsPerVisitor)
            }
        }
    }

    /// A server's conversion ends the claims of other visitors' pages and closes held conversions with the same key.
    /// A page's held conversion whose key is taken is closed immediately. An accepted sale decides the refunds that
    /// arrived before it.
    fn consequences(&self, case: &Case, known: &Known, ruling: &Ruling) -> Result<Vec<Consequence>, StoreError> {
        let mut consequences = Vec::new();
        let (status, is_server) = (ruling.receipt.status, case.word == Word::Server);
        match (self.overrules(case, known), status) {
            (true, Status::Accepted | Status::Unattributed) => consequences.push(Consequence::Overrules),
            (false, Status::Duplicate) if is_server && case.kind == Kind::Signup => {
                consequences.push(Consequence::Confirms);
            }
            _ => {}
        }
        if is_server && status != Status::Rejected {
            consequences.push(Consequence::ClosesHeld);
        }
        if case.is_browsers() && status == Status::Held && is_taken(known) {
            consequences.push(Consequence::ClosesItself);
        }
        let stands = status == Status::Accepted || (is_server && status == Status::Unattributed);
        if case.kind == Kind::Sale && stands {
            consequences.extend(self.follow_sale(case, known, ruling)?);
        }
        Ok(consequences)
    }

    /// Decides the refunds in the order of their arrival; each accepted one adds to the refunded sum. Refunds that
    /// ended with the sale are decided again only if the sale is now accepted.
    fn follow_sale(&self, case: &Case, known: &Known, ruling: &Ruling) -> Result<Vec<Consequence>, StoreError> {
        let Some(sale) = as_known(case, ruling) else { return Ok(Vec::new()) };
        let mut refunded_minor = known.refunded_minor;
        let mut decided = Vec::new();
        let counts = ruling.receipt.status == Status::Accepted;
        let most = FOLLOWERS_AT_ONCE as usize;
        for refund in known.waiting.iter().take(most).filter(|refund| counts || refund.is_held) {
            let then = Known { sale: Some(sale.clone()), refunded_minor, ..Known::default() };
            let ruling = self.rule(&Case::of_held(refund, case.now), &then)?;
            if let (Status::Accepted, Some(money)) = (ruling.receipt.status, refund.money) {
                refunded_minor = refunded_minor.saturating_add(money.amount_minor);
            }
            decided.push(Consequence::Decides(Box::new(ruling)));
        }
        if known.waiting.len() > most {
            decided.push(Consequence::Owes);
        }
        Ok(decided)
    }
}

/// The ruling on a test: who would be credited, without a delivery or any effect on other conversions. It is never held, since
/// nobody has to confirm what has no effect.
fn tried(case: &Case, decision: Decision) -> Ruling {
    let receipt = Receipt {
        conversion_id: case.id.clone(),
        status: if decision.no_credit().is_some() { Status::Unattributed } else { Status::Accepted },
        code: Some(Code::Test.as_str().to_owned()),
        attribution: decision.attribution(),
        deliveries: Vec::new(),
        warnings: Vec::new(),
        replayed: false,
    };
    Ruling { receipt, decision, deliveries: Vec::new(), consequences: Vec::new() }
}

/// One delivery for each program, due `waits` milliseconds from now.
fn deliveries(case: &Case, programs: &[(ProgramId, VendorName)], decision: &Decision, waits: i64) -> Vec<NewDelivery> {
    let reason = || {
        format!("waits at most {} for the site's backend to report this customer (`signup_wait`)", duration_text(waits))
    };
    let to = |(program, vendor): &(ProgramId, VendorName)| {
        let touch = decision.credited().find(|touch| touch.program == *program)?;
        Some(NewDelivery {
            id: delivery_id(&case.id, program, case.now),
            program: program.clone(),
            vendor: *vendor,
            touch: touch.id.clone(),
            due_at: case.now.plus(waits),
            reason: (waits > 0).then(reason),
        })
    };
    programs.iter().filter_map(to).collect()
}

/// The rules of every site of the configuration.
struct AllRules(Vec<(SiteId, Rules)>);

impl AllRules {
    fn of(config: &Config) -> Self {
        Self(config.sites.iter().map(|site| (site.id.clone(), Rules::of(site, &config.limits))).collect())
    }

    fn of_site(&self, id: &SiteId) -> Result<&Rules, StoreError> {
        let found = self.0.iter().find(|(site, _)| site == id).map(|(_, rules)| rules);
        found.ok_or_else(|| refused(&format!("site `{id}` is not in the configuration any more")))
    }
}

/// The rule for releasing a held conversion of any configured site.
pub(crate) fn release_rule(config: &Config, now: UnixMillis) -> ReleaseRule {
    let rules = AllRules::of(config);
    Box::new(move |held, known| rules.of_site(&held.site)?.release(held, known, now))
}

/// The rule that decides again about conversions that follow another one, for any configured site.
pub(crate) fn follow_rule(config: &Config, now: UnixMillis) -> FollowRule {
    let rules = AllRules::of(config);
    Arc::new(move |held, known| rules.of_site(&held.site)?.rule(&Case::of_held(held, now), known))
}

/// Whether some program claims the key, or a server has stated it.
fn is_taken(known: &Known) -> bool {
    known.is_stated || !known.claimed.is_empty()
}

/// Whether a browser may send this kind of conversion at all.
pub(super) fn may_say(conversion: &Conversion) -> bool {
    conversion.kind() != Kind::Refund
}

/// Derived from the conversion's random id: a conversion has one delivery for each program, and a rule has no source
/// of randomness.
fn delivery_id(conversion: &ConversionId, program: &ProgramId, now: UnixMillis) -> DeliveryId {
    let hash = sha256(format!("{conversion} {program}").as_bytes());
    let mut bytes = [0; 10];
    bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    DeliveryId::from_parts(now, bytes)
}

fn note(delivery: &NewDelivery) -> DeliveryNote {
    DeliveryNote { program: delivery.program.clone(), state: outbox::State::Due.as_str().to_owned() }
}

fn refused(text: &str) -> StoreError {
    StoreError::Refused(text.to_owned())
}

#[cfg(test)]
mod tests;
