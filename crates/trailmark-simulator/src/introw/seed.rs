//! The content of an account before the first call: sixty-eight partners, always the same, with a link for each of two
//! campaigns.
//!
//! They make three pages of the default size. Every seventh has only what seed 003 requires, with null wherever null is
//! allowed; every eleventh is inactive. Domains and addresses end in `.example`.

use super::state::{Account, Partner};

/// 2025-01-01T00:00:00Z; one partner joined each day from then on.
const OPENED_MS: i64 = 1_735_689_600_000;
const DAY_MS: i64 = 86_400_000;

/// The campaigns; each has a publishable key of its own.
pub(super) const CAMPAIGNS: [&str; 2] = [NAMING_CAMPAIGN, "cmp_other"];
/// The campaign for which the customer has given each link an address that names the partner.
pub(super) const NAMING_CAMPAIGN: &str = "cmp_launch";
/// The ids of the fields in every campaign's form.
pub(super) const FORM_FIELDS: [&str; 3] = ["fld_8f2c61d0", "fld_b7713e9a", "fld_customer"];
pub(super) const TIERS: [&str; 3] = ["tier_gold", "tier_silver", "tier_bronze"];
pub(super) const PHASES: [&str; 2] = ["phase_onboarding", "phase_live"];
pub(super) const OWNERS: [&str; 2] = ["usr_ines", "usr_joris"];
pub(super) const TEMPLATES: [&str; 1] = ["tpl_standard"];

const FIRST_WORDS: [&str; 17] = [
    "Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ivy", "Juniper", "Kapok", "Larch", "Maple",
    "Nutmeg", "Oak", "Poplar", "Quince",
];
const SECOND_WORDS: [&str; 4] = ["Advisory", "Cloud", "Digital", "Works"];

pub(super) fn fill(account: &mut Account) {
    let names = SECOND_WORDS.iter().flat_map(|second| FIRST_WORDS.map(|first| (first, *second)));
    for (number, (first, second)) in (1_i64..).zip(names) {
        let slug = format!("{}-{}", first.to_ascii_lowercase(), second.to_ascii_lowercase());
        let (created_ms, is_sparse) = (OPENED_MS + number * DAY_MS, number % 7 == 0);
        let full = |text: String| (!is_sparse).then_some(text);
        let pick = |words: &[&str]| {
            let place = usize::try_from(number).unwrap_or_default() % words.len();
            words.get(place).filter(|_| !is_sparse && number % 3 > 0).map(|word| (*word).to_owned())
        };
        let partner = Partner {
            id: account.mint("ptn_"),
            name: full(format!("{first} {second}")),
            domain: full(format!("{slug}.example")),
            external_company_id: full(format!("company_{number}")),
            external_id: full(format!("partner_{number}")),
            manager_email: Some(format!("manager@{slug}.example")),
            categories: if number % 2 == 0 { vec!["Reseller".to_owned()] } else { Vec::new() },
            tier_id: pick(&TIERS),
            phase_id: pick(&PHASES),
            owner_id: pick(&OWNERS),
            portal_access: None,
            template_id: None,
            room_id: account.mint("room_"),
            is_sparse,
            is_active: number % 11 != 0,
            is_removed: false,
            created_ms: (!is_sparse).then_some(created_ms),
            updated_ms: created_ms,
            visible_ms: created_ms,
        };
        account.add_partner(partner);
    }
}

/// The link code of the partner at a place: the slug of the seed's partners, otherwise a number.
pub(super) fn code(place: usize) -> String {
    let words = (FIRST_WORDS.get(place % FIRST_WORDS.len()), SECOND_WORDS.get(place / FIRST_WORDS.len()));
    match words {
        (Some(first), Some(second)) => format!("{first}-{second}").to_ascii_lowercase(),
        _ => format!("partner-{place}"),
    }
}
