//! The content of a program before the first call: sixty-four partners, always the same.
//!
//! Sixty-four make five pages of the default size, the last one partly filled. All addresses end in `.example`. Ids and keys
//! differ, as in seed 004, so that a client which mixes them up is refused.

use super::state::{Life, Partner, Standing};

/// 2025-01-01T00:00:00Z; one partner joined each day from then on.
const OPENED_MS: i64 = 1_735_689_600_000;
const DAY_MS: i64 = 86_400_000;

const NAMES: [&str; 8] = ["Amira", "Bela", "Chidi", "Daria", "Emil", "Farah", "Goran", "Hana"];
const SURNAMES: [&str; 8] = ["Ito", "Jansen", "Kowal", "Lindt", "Moreau", "Novak", "Okafor", "Petit"];

/// The partners `amiraito` to `hanapetit`, with the ids `partner_1` to `partner_64`. Every ninth waits for approval.
pub(super) fn partners() -> Vec<Partner> {
    let pairs = SURNAMES.into_iter().flat_map(|surname| NAMES.into_iter().map(move |name| (name, surname)));
    let days = (1_i64..).zip(pairs);
    days.map(|(day, (name, surname))| {
        let key = format!("{name}{surname}").to_ascii_lowercase();
        Partner {
            id: format!("partner_{day}"),
            email: format!("{key}@partners.example"),
            key,
            name: Some(name.to_owned()),
            surname: Some(surname.to_owned()),
            standing: if day % 9 == 0 { Standing::Pending } else { Standing::Approved },
            life: Life::begun(OPENED_MS + day * DAY_MS),
            ..Partner::default()
        }
    })
    .collect()
}
