//! What the loader passes to the SDK: read as it is written, and refused with a sentence that says what is missing.

use trailmark::config::read;
use trailmark::consent::State;

/// As pkg-template/serve.js joins it.
const VALUES: [&str; 9] = [
    "acme",
    "/tm",
    "granted",
    ",via,,ref",
    "1",
    "0123456789abcdef0123456789abcdef",
    "2026-11-21T08:30:00Z",
    "1",
    "https://shop.example/?x=1&y",
];

fn with(place: usize, value: &str) -> String {
    let mut values = VALUES;
    values[place] = value;
    values.join("\0")
}

#[test]
fn every_value_has_its_place() {
    let (settings, arrival) = read(&VALUES.join("\0")).unwrap();
    assert_eq!((settings.site.as_str(), settings.endpoint.as_str()), ("acme", "/tm"));
    assert_eq!((settings.consent, settings.debug), (State::Granted, true));
    assert_eq!(settings.params, ["via", "ref", "_tm"]);
    assert_eq!((arrival.id.as_str(), arrival.url.as_str()), (VALUES[5], VALUES[8]));
    assert_eq!((arrival.at.as_str(), arrival.again), (VALUES[6], true));
}

/// The loader may come from a cache, and the module from a newer or an older proxy.
#[test]
fn what_another_release_adds_is_ignored_and_what_it_leaves_out_is_empty() {
    let (_, arrival) = read(&format!("{}\0more\0", VALUES.join("\0"))).unwrap();
    assert_eq!(arrival.url, VALUES[8]);
    let (settings, arrival) = read(&VALUES[..6].join("\0")).unwrap();
    assert_eq!((settings.debug, arrival.id.as_str()), (true, VALUES[5]));
    assert_eq!((arrival.at.as_str(), arrival.again, arrival.url.as_str()), ("", false, ""));
}

#[test]
fn what_is_not_set_is_empty_and_an_unknown_word_is_no_consent() {
    let (settings, arrival) =
        read("acme\0/tm\0\0\0\0 0123456789abcdef0123456789abcdef".replace(' ', "").as_str()).unwrap();
    assert_eq!((settings.consent, settings.debug, settings.params.len()), (State::Pending, false, 1));
    assert_eq!((arrival.url.as_str(), arrival.again), ("", false));
    for word in ["yes", "auto"] {
        assert_eq!(read(&with(2, word)).unwrap().0.consent, State::Pending, "{word}");
    }
}

#[test]
fn a_wrong_site_and_an_arrival_that_nobody_recorded_are_refused_by_name() {
    for site in ["", "NO", "a_b", &"a".repeat(33)] {
        assert!(read(&with(0, site)).unwrap_err().starts_with("site is missing or not 1 to 32"), "{site}");
    }
    for id in ["", "x", "0123456789ABCDEF0123456789ABCDEF"] {
        assert_eq!(read(&with(5, id)).unwrap_err(), "the arrival was not recorded by the stub");
    }
}
