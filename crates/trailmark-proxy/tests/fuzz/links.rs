//! Landing URL and cookies through the capture rules, as the page reads them and as the proxy reads what the page tells. An
//! input's first line is a vendor and the generic names of its program, the second the address, each further one a cookie.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use trailmark_wire::capture::{Captured, Rule, capture};
use trailmark_wire::landing::Landing;
use trailmark_wire::limits::{COOKIE_BYTES, COOKIES, STORED_URL_BYTES};
use trailmark_wire::vendor::VendorName;
use url::form_urlencoded::byte_serialize;

use crate::engine::{Broken, Looked, Target, Verdict, rule};
use crate::seeds::{items, text, vectors};

pub(crate) const CAPTURE: Target = Target {
    name: "capture",
    inputs: 36_000,
    seeds,
    words: &[
        "?",
        "&",
        "#/x?",
        "%3F",
        "&amp;",
        "ps_xid=",
        "gsxid=",
        "ps_partner_key=",
        "gspk=",
        "clickref=",
        "irw_id=",
        "via=",
        "ref=",
        "utm_source=",
        "utm_a@b.c=",
        "partnerstack",
        "partnerize",
        "introw",
        "partnero",
        "https://",
        "http://",
        "ada@example.org",
        "Ada",
        "QWRh",
        "{{x}}",
        "[x]",
        "amp%3B",
        "\nps_xid=a1",
        "\ngrowSumoPartnerKey=ada",
        "\npartnero_partner=ada",
    ],
    look,
};

fn seeds() -> Vec<Vec<u8>> {
    let seed = |vector: &Value| {
        let params: Vec<&str> = items(&vector["params"]).iter().filter_map(Value::as_str).collect();
        let cookies = vector["cookies"].as_object().into_iter().flatten();
        let cookies: String = cookies.map(|(name, value)| format!("\n{name}={}", value.as_str().unwrap())).collect();
        format!("{} {}\n{}{cookies}", text(vector, "vendor"), params.join(" "), text(vector, "url")).into_bytes()
    };
    items(&vectors("capture")).iter().map(seed).collect()
}

/// A generic name that a configuration takes.
fn is_name(name: &&str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// An input.
struct Arrival<'i> {
    vendor: Option<VendorName>,
    params: Vec<String>,
    url: &'i str,
    cookies: Vec<&'i str>,
}

impl<'i> Arrival<'i> {
    fn read(input: &'i str) -> Self {
        let mut lines = input.split('\n');
        let mut words = lines.next().unwrap_or_default().split(' ');
        Self {
            vendor: VendorName::from_name(words.next().unwrap_or_default()),
            params: words.filter(is_name).take(16).map(str::to_owned).collect(),
            url: lines.next().unwrap_or_default(),
            cookies: lines.collect(),
        }
    }

    /// What the page sees with: the rules of every vendor, and its own generic names.
    fn page(&self) -> Vec<Rule<'_>> {
        let known = VendorName::all().map(|vendor| Rule { vendor: Some(vendor), params: &[] });
        known.chain([Rule { vendor: None, params: &self.params }]).collect()
    }
}

fn look(input: &[u8]) -> Looked {
    let input = String::from_utf8_lossy(input);
    let arrival = Arrival::read(&input);
    let program = Rule { vendor: arrival.vendor, params: &arrival.params };
    let jar: Vec<(&str, &str)> = arrival.cookies.iter().filter_map(|line| line.split_once('=')).collect();
    let cookies = |name: &str| jar.iter().find(|(own, _)| *own == name).map(|(_, value)| Cow::Borrowed(*value));
    let Ok(landing) = Landing::parse(arrival.url) else { return Ok(Verdict::Unread) };

    // What the page tells, and what the proxy reads of it.
    let page = arrival.page();
    let told = landing.told(&page).url;
    let read = Landing::parse(&told)
        .map_err(|_none| Broken { rule: "what a page tells is an address", detail: told.clone() })?;
    let (by_page, by_proxy) = (capture(&landing, cookies, &program), capture(&read, cookies, &program));
    let same = "capture is the same in the page and in the proxy";
    rule(by_page == by_proxy, same, || format!("{by_page:?} of the address, {by_proxy:?} of {told}"))?;
    let again = read.told(&page).url;
    rule(again == told, "what is told stays as it is when told again", || format!("{told} then {again}"))?;

    let stored = landing.stored(&page);
    let fits = stored.len() <= STORED_URL_BYTES + landing.origin().len();
    rule(fits, "what is stored is short", || format!("{} bytes", stored.len()))?;
    let again = Landing::parse(&stored).map(|stored| stored.stored(&page));
    let kept = again.as_ref() == Ok(&stored) || stored.is_empty();
    rule(kept, "what is stored stays as it is when stored again", || format!("{stored} then {again:?}"))?;
    let Some(found) = by_page else { return Ok(Verdict::Refused) };
    hold(&found, &program)?;
    Ok(if found.unusable.is_none() { Verdict::Accepted } else { Verdict::Refused })
}

/// An input as the page has it, and the address and the cookies that the page must tell of it; `null` where it has nothing to tell.
pub(crate) fn expected(input: &[u8]) -> Value {
    // No page has a NUL: a browser writes it so in an address, and the loader separates what it tells the module by it.
    let input = String::from_utf8_lossy(input).replace('\0', "%00");
    let arrival = Arrival::read(&input);
    let rules = arrival.page();
    let jar = arrival.cookies.join("; ");
    let named =
        |(name, value): &(&str, &str)| value.len() <= COOKIE_BYTES && rules.iter().any(|rule| rule.names_cookie(name));
    let mut cookies = BTreeMap::new();
    for (name, value) in jar.split(';').filter_map(|pair| pair.trim_ascii().split_once('=')).filter(named) {
        if cookies.len() < COOKIES {
            cookies.insert(name, value);
        }
    }
    let told = Landing::parse(arrival.url).ok().map(|landing| landing.told(&rules));
    let told = told.filter(|told| told.is_touch || cookies.values().any(|value| !value.is_empty()));
    let told = told.map(|told| json!({"url": told.url, "cookies": cookies}));
    json!({"input": input, "url": arrival.url, "jar": jar, "params": arrival.params, "told": told})
}

fn hold(found: &Captured, program: &Rule<'_>) -> Result<(), Broken> {
    let is_empty = found.click_id.is_none() && found.partner.is_none();
    rule(is_empty == found.unusable.is_some(), "a capture holds a key or the reason why not", || format!("{found:?}"))?;
    let printed = serde_json::to_string(found).unwrap();
    let read = serde_json::from_str::<Captured>(&printed);
    rule(read.as_ref().ok() == Some(found), "a capture is read as it was written", || format!("{printed}: {read:?}"))?;
    let link = |name: &str, value: &str| {
        let value: String = byte_serialize(value.as_bytes()).collect();
        let url = format!("https://acme.example/?{name}={value}");
        capture(&Landing::parse(&url).unwrap(), |_: &str| None, program)
    };
    let same = "a captured key in a link of ours is captured again";
    if let Some(partner) = &found.partner {
        if let Some((name, value)) = program.partner_param(partner) {
            let again = link(name, &value).and_then(|found| found.partner);
            rule(again.as_ref() == Some(partner), same, || format!("{partner:?} by {name}={value}, then {again:?}"))?;
        }
        let encoded: String =
            byte_serialize(partner.as_str().as_bytes()).map(|part| part.replace('+', "%20")).collect();
        let again = program.partner(&encoded);
        let kept = matches!(&again, Some(Ok(again)) if again == partner);
        rule(kept, "a repaired key is repaired no further", || format!("{partner:?} then {again:?}"))?;
    }
    let names = ["ps_xid", "clickref", "irw_id"].into_iter().find(|name| program.names_param(name));
    if let (Some(click), Some(name)) = (&found.click_id, names) {
        let again = link(name, click.as_str()).and_then(|found| found.click_id);
        rule(again.as_ref() == Some(click), same, || format!("{click:?} by {name}, then {again:?}"))?;
    }
    Ok(())
}
