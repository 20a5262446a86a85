//! What the page calls a signup or a lead, checked by the wire's rules before anything is kept or sent, and given its id and
//! time. No envelope and no request: those are [`crate::send`]'s. `sale` comes with merchant-signed orders; until then the
//! answer is `not_available`.

use std::collections::BTreeMap;

use serde::Serialize;
use trailmark_wire::conversion::{Body, Conversion, Customer, Kind, Malformed};
use trailmark_wire::ids::{ConversionId, CustomerKey};
use trailmark_wire::time::UnixMillis;

use crate::page::Json;

/// What the page passed.
#[derive(Clone, Default)]
pub struct Input {
    /// The company's own key of the customer.
    pub customer_key: Option<String>,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// The customer as a JWS signed by the merchant; in place of the three above.
    pub customer: Option<String>,
    /// Free text for the vendor.
    pub data: BTreeMap<String, String>,
}

/// A conversion on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its id, for ever.
    pub id: ConversionId,
    /// When it happened, by the browser's clock.
    pub at: UnixMillis,
    /// What happened.
    pub body: Body,
}

/// One credited program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credit {
    /// The program.
    pub program: String,
    /// Its partner; absent where only a click id is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
}

/// What a call comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The proxy's word (`accepted`, `duplicate`, `held`, `unattributed`, `rejected`), or `queued`, `ignored`, `failed`.
    pub status: &'static str,
    /// Why, where the status alone does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The ledger's id of the conversion, else the one it was sent under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversion_id: Option<String>,
    /// The credited programs, where a receipt came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Vec<Credit>>,
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

impl Input {
    /// The wire's form of the call.
    ///
    /// # Errors
    /// [`Malformed`] with the field's name in the wire; [`named_for_pages`] has the page's name for it.
    pub fn into_body(self, kind: Kind) -> Result<Body, Malformed> {
        let key = match (self.customer_key, &self.customer) {
            (Some(_), Some(_)) => {
                return Err(Malformed { field: "signed_customer", problem: "excludes `customerKey`" });
            }
            (None, None) => return Err(Malformed { field: "customer.key", problem: "is missing" }),
            (key, _) => key
                .map(CustomerKey::new)
                .transpose()
                .map_err(|bad| Malformed { field: "customer.key", problem: bad.shape })?,
        };
        let (email, name) = (self.email, self.name);
        let body = Body {
            kind,
            customer: key.map(|key| Customer { key, email, name }),
            signed_customer: self.customer,
            order: None,
            signed_order: None,
            refund_of: None,
            data: self.data,
        };
        Conversion::from_body(body.clone())?;
        Ok(body)
    }
}

impl Entry {
    /// Reads an entry that an earlier page kept; `None` when it is not one, such as after somebody's edit.
    pub fn read<J: Json>(kept: &J) -> Option<Self> {
        let body = kept.member("body")?;
        let customer = body.member("customer");
        let of_customer = |name| customer.as_ref()?.member_text(name);
        let mut data = BTreeMap::new();
        for (name, value) in body.member("data").map(|data| data.entries()).unwrap_or_default() {
            data.insert(name, value.text()?);
        }
        let input = Input {
            customer_key: of_customer("key"),
            email: of_customer("email"),
            name: of_customer("name"),
            customer: body.member_text("signed_customer"),
            data,
        };
        let kind = kind(&body.member_text("kind")?)?;
        Some(Self {
            id: ConversionId::new(kept.member_text("id")?).ok()?,
            at: UnixMillis(kept.member_integer("at")?),
            body: input.into_body(kind).ok()?,
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
        "customer.key" | "customer" => "customerKey",
        "customer.email" => "email",
        "customer.name" => "name",
        "signed_customer" => "customer",
        other => other,
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("customer_key", &self.customer_key).finish_non_exhaustive()
    }
}
