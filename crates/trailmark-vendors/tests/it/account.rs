//! Which accounts are usable, and what is said about those that are not.

use trailmark_vendors::secret::Secret;

use super::{Account, account, opened, partnerstack};

fn refused(account: &Account) -> String {
    opened(account).unwrap_err().to_string()
}

fn with_base_url(url: &str) -> Account {
    Account { base_url: Some(url.into()), ..account() }
}

#[test]
fn the_key_pair_is_needed_and_the_tracking_token_is_not() {
    let no_public = Account { public_key: None, ..account() };
    assert_eq!(refused(&no_public), "`public_key` is missing: partnerstack needs it (user name of its API)");
    let no_private = Account { private_key: Some(Secret::new("")), ..account() };
    assert_eq!(refused(&no_private), "`private_key` is missing: partnerstack needs it (password of its API)");
    for tracking_token in [None, Some(Secret::new(""))] {
        partnerstack(&Account { tracking_token, ..account() });
    }
}

#[test]
fn a_credential_that_no_header_can_hold_is_refused_without_showing_it() {
    for text in ["sk\n", "sk private", "schlüssel", "sk\r\nx-admin: 1"] {
        let account = Account { private_key: Some(Secret::new(text)), ..account() };
        let expected = "`private_key` of partnerstack contains white space or characters beyond ASCII; copy it again";
        assert_eq!(refused(&account), expected);
    }
    let colon = Account { public_key: Some(Secret::new("pk:x")), ..account() };
    assert_eq!(refused(&colon), "`public_key` of partnerstack contains a colon, which a user name cannot");
}

#[test]
fn a_root_is_a_plain_absolute_url() {
    let shape = "`base_url` of partnerstack must have only scheme, host and path: \
                 no user name, query, fragment or white space";
    assert_eq!(
        refused(&with_base_url("api.example.com")),
        "`base_url` of partnerstack must be an absolute URL, such as https://api.example.com"
    );
    assert_eq!(refused(&with_base_url("ftp://x")), "`base_url` of partnerstack must begin with https:// or http://");
    assert_eq!(
        refused(&with_base_url("https://")),
        "`base_url` of partnerstack must be an absolute URL, such as https://api.example.com"
    );
    assert_eq!(refused(&with_base_url("https:///x")), "`base_url` of partnerstack has no host");
    for url in ["https://u:p@x", "https://x?y", "https://x#y", "https://x/a b", "https://x\\@y"] {
        assert_eq!(refused(&with_base_url(url)), shape, "{url}");
    }
}

#[test]
fn hosts_are_what_requests_go_to() {
    assert_eq!(partnerstack(&account()).hosts(), ["api.partnerstack.com", "partnerlinks.io"]);
    let hosts = |url: &str| partnerstack(&with_base_url(url)).hosts().remove(0);
    assert_eq!(hosts("https://API.example.com:443/x"), "api.example.com");
    assert_eq!(hosts("https://api.example.com:8443"), "api.example.com:8443");
    assert_eq!(hosts("http://[::1]:9100/partnerstack"), "[::1]:9100");
}
