//! What the page calls a signup or a lead, checked by the wire's rules before anything is kept or sent, and given its id and
//! time. No envelope and no request: those are [`crate::send`]'s. `sale` comes with merchant-signed orders; until then the
//! answer is `not_available`.

use crate::json::Members;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use trailmark_wire::conversion::{Body, Customer, Kind, Malformed, check_data};
use trailmark_wire::ids::{ConversionId, CustomerKey};
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;

use crate::page::{Json, Page};

/// A conversion on its way. Debug shows no input, which is personal data.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its id, for ever.
    pub id: ConversionId,
    /// When it happened, by the browser's clock.
    pub at: UnixMillis,
    /// Which kind.
    pub kind: Kind,
    /// What the page passed, as JSON.
    pub input: String,
}

/// One credited program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// The program.
    pub program: String,
    /// Its partner; absent where only a click id is known.
    pub partner: Option<String>,
}

/// What a call comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The proxy's word (`accepted`, `duplicate`, `held`, `unattributed`, `rejected`), or `queued`, `ignored`, `failed`.
    pub status: &'static str,
    /// Why, where the status alone does not say.
    pub code: Option<String>,
    /// The ledger's id of the conversion, else the one it was sent under.
    pub conversion_id: Option<String>,
    /// The credited programs, where a receipt came.
    pub attribution: Option<Vec<Credit>>,
}

impl Serialize for Credit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = Members::begin(serializer)?;
        members.text("program", Some(&self.program))?;
        members.text("partner", self.partner.as_deref())?;
        members.end()
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = Members::begin(serializer)?;
        members.text("status", Some(self.status))?;
        members.text("code", self.code.as_deref())?;
        members.text("conversionId", self.conversion_id.as_deref())?;
        if let Some(credits) = &self.attribution {
            members.0.serialize_entry("attribution", credits)?;
        }
        members.end()
    }
}

impl Outcome {
    /// An outcome with a code and nothing else.
    pub fn coded(status: &'static str, code: &str) -> Self {
        Self { status, code: Some(code.to_owned()), conversion_id: None, attribution: None }
    }

    /// The same outcome of the conversion `id`.
    #[must_use]
    pub fn of(self, id: &ConversionId) -> Self {
        Self { conversion_id: Some(id.as_str().to_owned()), ..self }
    }
}

impl Entry {
    /// The checked conversion of a call at `page`'s time. Checks what the wire checks of a signup or lead and nothing else: the
    /// test `the_wire_accepts_what_the_sdk_accepts` holds the two together.
    ///
    /// # Errors
    /// [`Malformed`] with the field's name in the wire; [`named_for_pages`] has the page's name for it.
    pub fn new<P: Page>(page: &P, kind: Kind, input: String) -> Result<Self, Malformed> {
        let at = page.now();
        let entry = Self { id: ConversionId::from_parts(at, page.random()), at, kind, input };
        let body = entry.body(page)?;
        check_data(&body.data)?;
        match (&body.customer, &body.signed_customer) {
            (Some(customer), None) => customer.check()?,
            (None, Some(_)) => {}
            (Some(_), Some(_)) => {
                return Err(Malformed { field: "signed_customer", problem: "excludes `customerKey`" });
            }
            (None, None) => return Err(Malformed { field: "customer", problem: "is missing" }),
        }
        Ok(entry)
    }

    /// The wire's form of what the page passed.
    ///
    /// # Errors
    /// [`Malformed`] where there is no customer key that is one, or two customers.
    pub fn body<P: Page>(&self, page: &P) -> Result<Body, Malformed> {
        let input = page.parse(&self.input);
        let text = |name| input.as_ref()?.member_text(name);
        let (key, signed_customer) = (text("customerKey"), text("customer"));
        let customer = match key.map(CustomerKey::new) {
            Some(Ok(key)) => Some(Customer { key, email: text("email"), name: text("name") }),
            Some(Err(bad)) => return Err(Malformed { field: "customer.key", problem: bad.shape }),
            None => None,
        };
        let mut data = TextMap::new();
        for (name, value) in input.and_then(|input| input.member("data")).iter().flat_map(Json::entries) {
            data.insert(name, value.text().unwrap_or_default());
        }
        let kind = self.kind;
        Ok(Body { kind, customer, signed_customer, order: None, signed_order: None, refund_of: None, data })
    }

    /// Reads an entry that an earlier page kept; `None` when it is not one, such as after somebody's edit.
    pub fn read<J: Json>(kept: &J) -> Option<Self> {
        Some(Self {
            id: ConversionId::new(kept.member_text("id")?).ok()?,
            at: UnixMillis(kept.member_integer("at")?),
            kind: kind(&kept.member_text("kind")?)?,
            input: kept.member_text("input")?,
        })
    }
}

/// The kinds that a page may claim in this version.
pub fn kind(word: &str) -> Option<Kind> {
    [Kind::Signup, Kind::Lead].into_iter().find(|kind| kind.as_str() == word)
}

/// The name that a page knows a wire field by.
pub fn named_for_pages(field: &str) -> &str {
    match field {
        "customer" | "customer.key" => "customerKey",
        "signed_customer" => "customer",
        other => other.strip_prefix("customer.").unwrap_or(other),
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}
