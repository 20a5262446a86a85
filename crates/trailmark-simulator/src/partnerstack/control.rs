//! The control routes of the simulated PartnerStack: what people do at the vendor, and how the accounts behave.
//! `mod` lists them. The routes of webhooks are the same for every double.

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::rewards::Verdict;
use super::state::{Account, Partnership};
use super::{Dialect, PartnerStack};
use crate::call::Call;
use crate::control::{Nothing, Result, bad_request, read, unknown_path};

/// Absent fields stay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    visible_after_ms: Option<i64>,
    dedupe: Option<bool>,
    meta_keys: Option<Vec<String>>,
    accept_credentials: Option<CredentialChange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialChange {
    public_key: Option<String>,
    private_key: Option<String>,
    tracking_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClick {
    xid: Option<String>,
    partner_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewReward {
    customer_key: String,
    amount: Option<i64>,
    #[serde(default)]
    account: Dialect,
}

/// `None` if there is no such route.
pub(super) fn perform(vendor: &mut PartnerStack, path: &[&str], call: &Call, now_ms: i64) -> Option<Result> {
    if call.method != Method::POST {
        return None;
    }
    Some(match path {
        ["settings"] => read(call).map(|change| vendor.change(change)),
        ["clicks"] => read(call).and_then(|NewClick { xid, partner_key }| {
            let xid = vendor.current.account.click(xid, &partner_key, now_ms);
            xid.map(|xid| json!({ "xid": xid })).map_err(|refusal| bad_request(refusal.message))
        }),
        ["rewards"] => read(call).and_then(|NewReward { customer_key, amount, account }| {
            let key = vendor.reward(account, &customer_key, amount.unwrap_or(1000), now_ms);
            key.map(|key| json!({ "key": key })).map_err(bad_request)
        }),
        ["rewards", key, word] => read(call).and_then(|Nothing {}| {
            let verdict = Verdict::from_word(word).ok_or_else(|| unknown_path(call))?;
            vendor.decide(key, verdict, now_ms).map_err(bad_request)
        }),
        ["partners", key, word @ ("archive" | "restore")] => read(call).and_then(|Nothing {}| {
            vendor.admit(key, *word == "restore", now_ms).map_err(bad_request)?;
            Ok(json!({}))
        }),
        _ => return None,
    })
}

/// A partner joins the first group by the program's form; returns the partner key.
pub(super) fn join(account: &mut Account, now_ms: i64) -> String {
    let number = account.partnerships.len() + 1;
    let partner_key = format!("partner{number}");
    let partnership = Partnership {
        key: account.mint("part_"),
        email: format!("{partner_key}@partners.example"),
        partner_key: partner_key.clone(),
        first_name: "Partner".to_owned(),
        last_name: number.to_string(),
        group_key: account.first_group(),
        manager: (None, None),
        tags: Vec::new(),
        claimed: true,
        test: false,
        data: Map::new(),
        created_ms: now_ms,
        updated_ms: now_ms,
        archived: false,
    };
    account.add_partnership(partnership);
    partner_key
}

impl PartnerStack {
    /// Changes the rules of both accounts and returns those in force; credentials are not repeated.
    fn change(&mut self, change: Change) -> Value {
        for rules in [&mut self.current.account.rules, &mut self.guide.account.rules] {
            rules.visible_after_ms = change.visible_after_ms.or(rules.visible_after_ms);
            rules.dedupe = change.dedupe.unwrap_or(rules.dedupe);
            rules.meta_keys = change.meta_keys.clone().unwrap_or_else(|| rules.meta_keys.clone());
        }
        if let Some(accepted) = change.accept_credentials {
            let credentials = &mut self.credentials;
            credentials.public_key = accepted.public_key.unwrap_or_else(|| credentials.public_key.clone());
            credentials.private_key = accepted.private_key.unwrap_or_else(|| credentials.private_key.clone());
            credentials.tracking_token = accepted.tracking_token.unwrap_or_else(|| credentials.tracking_token.clone());
        }
        let rules = &self.current.account.rules;
        json!({
            "visible_after_ms": rules.visible_after_ms,
            "dedupe": rules.dedupe,
            "meta_keys": rules.meta_keys,
        })
    }

    /// Gives a reward for a signup.
    ///
    /// # Errors
    /// The sentence says what is wrong with the customer.
    fn reward(
        &mut self,
        dialect: Dialect,
        customer_key: &str,
        amount: i64,
        now_ms: i64,
    ) -> std::result::Result<String, String> {
        super::rewards::give(&mut self.side_mut(dialect).account, customer_key, amount, now_ms)
    }

    /// Decides about a reward in either account.
    ///
    /// # Errors
    /// The sentence says why not.
    fn decide(&mut self, key: &str, verdict: Verdict, now_ms: i64) -> std::result::Result<Value, String> {
        let of_guide = super::rewards::named(&self.guide.account, key).is_some();
        let dialect = if of_guide { Dialect::Guide } else { Dialect::Current };
        super::rewards::decide(&mut self.side_mut(dialect).account, key, verdict, now_ms)
    }

    /// Makes a partner leave both accounts, or come back.
    ///
    /// # Errors
    /// No partner has that key.
    fn admit(&mut self, partner_key: &str, is_member: bool, now_ms: i64) -> std::result::Result<(), String> {
        let accounts = [&mut self.current.account, &mut self.guide.account];
        let known = accounts.map(|account| account.admit(partner_key, is_member, now_ms));
        if known.contains(&true) { Ok(()) } else { Err("partner_key names no partner".to_owned()) }
    }
}
