//! The content of an account before the first call: three groups and sixty-four partners, always the same.
//!
//! Sixty-four make seven pages of the default size and three of the guide's, each with a partly filled last page. Partner
//! keys follow seed 002: lower case, alphanumeric, made from the name. All addresses end in `.example`.

use serde_json::Map;

use super::state::{Group, Partnership};
use crate::random::SplitMix;

/// 2025-01-01T00:00:00Z; one partner joined each day from then on.
const OPENED_MS: i64 = 1_735_689_600_000;
const DAY_MS: i64 = 86_400_000;

const GROUPS: [(&str, &str, &str); 3] = [
    ("grp_affiliate", "Affiliate Program", "affiliate"),
    ("grp_reseller", "Resellers", "reseller"),
    ("grp_agency", "Agencies", "agency"),
];

const FIRST_NAMES: &str = "Ada Grace Alan Barbara Claude Donald Edsger Frances Gordon Hedy Ivan Jean Katherine Lotfi \
    Margaret Niklaus Ole Peter Quentin Radia Sophie Tony Ursula Vint Whitfield Xavier Yukihiro Zuse Adele Butler Cynthia \
    Dennis Erna Fernando Geoffrey Hamilton Irene Jim Ken Leslie Mary Nancy Olga Per Rosa Shafi Tim Unni Vera Wietse Ximena \
    Yvonne Zelda Anita Bjarne Carol Dana Evelyn Fei Guido Hal Ingrid Joan Kathleen";

const LAST_NAMES: [&str; 8] = ["Ahlberg", "Brook", "Castell", "Dunmore", "Eskola", "Farrow", "Greenall", "Holt"];

pub(super) fn groups() -> Vec<Group> {
    let group = |(key, name, slug): (&str, &str, &str)| Group {
        key: key.to_owned(),
        name: name.to_owned(),
        slug: slug.to_owned(),
        created_ms: OPENED_MS,
    };
    GROUPS.into_iter().map(group).collect()
}

pub(super) fn partnerships(random: &mut SplitMix) -> Vec<Partnership> {
    let names = FIRST_NAMES.split_whitespace().zip(LAST_NAMES.into_iter().cycle());
    let groups = GROUPS.into_iter().cycle();
    let days = (1_i64..).zip(names.zip(groups));
    days.map(|(day, ((first, last), (group_key, _, _)))| {
        let partner_key = first.to_ascii_lowercase();
        let created_ms = OPENED_MS + day * DAY_MS;
        Partnership {
            key: random.key("part_"),
            email: format!("{partner_key}@partners.example"),
            partner_key,
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            group_key: group_key.to_owned(),
            manager: (None, None),
            tags: Vec::new(),
            // Every ninth was invited and has not joined yet.
            claimed: day % 9 != 0,
            test: false,
            data: Map::new(),
            created_ms,
            updated_ms: created_ms,
            archived: false,
        }
    })
    .collect()
}
