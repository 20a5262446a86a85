//! The content of an account before the first call: sixty-four partners of one campaign and a hundred and thirty users, always
//! the same. The users fill one page of seed 001's hundred and begin a second one. All addresses end in `.example`.

use super::state::{OWN_USER, Publisher, User};

/// 2025-01-01T00:00:00Z; one partner joined each day from then on.
const OPENED_MS: i64 = 1_735_689_600_000;
const DAY_MS: i64 = 86_400_000;

const FIRST: [&str; 8] = ["Amber", "Basil", "Clover", "Daisy", "Elder", "Fern", "Ginger", "Hazel"];
const LAST: [&str; 8] = ["Media", "Deals", "Voice", "Guide", "Press", "Radio", "Mail", "Club"];

const USERS: i64 = 130;

/// The partner `amber-media` is the first one; every ninth is still `r`, requested.
pub(super) fn publishers() -> Vec<Publisher> {
    let names = LAST.into_iter().flat_map(|last| FIRST.into_iter().map(move |first| (first, last)));
    let numbered = (1_i64..).zip(names);
    numbered
        .map(|(number, (first, last))| {
            let slug = format!("{first}-{last}").to_ascii_lowercase();
            Publisher {
                campaign_status: if number % 9 == 0 { "r" } else { "a" }.to_owned(),
                ..Publisher::new(number, &format!("{first} {last}"), &slug, OPENED_MS + number * DAY_MS)
            }
        })
        .collect()
}

/// The first one is the owner of the API key.
pub(super) fn users() -> Vec<User> {
    let user = |number: i64| User {
        user_id: (number + OWN_USER - 1).to_string(),
        user_name: format!("user{number}"),
        email: format!("user{number}@brand.example"),
        firstname: Some("Api".to_owned()),
        lastname: Some(format!("User {number}")),
        status: "active".to_owned(),
        role: Some(if number == 1 { "admin" } else { "standard" }.to_owned()),
        created_ms: OPENED_MS + number * DAY_MS,
        updated_ms: OPENED_MS + number * DAY_MS,
        ..User::default()
    };
    (1..=USERS).map(user).collect()
}
