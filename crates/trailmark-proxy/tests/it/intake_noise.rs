//! Noise: any bytes get a refusal, never a 5xx and never an acceptance.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::browser::{BrowserKey, payload, signup};
use crate::support::proxy::{ORIGIN, SITES, TestProxy};

/// Bodies from pure noise to almost valid.
fn bodies(good: String) -> impl Strategy<Value = Vec<u8>> {
    let length = good.len();
    let mutated =
        (proptest::collection::vec((0..length, any::<u8>()), 1..4), 0..=length).prop_map(move |(changes, cut)| {
            let mut bytes = good.clone().into_bytes();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            bytes.truncate(cut.max(1));
            bytes
        });
    let json =
        "\\{(\"(site|id|url|aud|jti|data|token|kind)\":(\"[ -~]{0,12}\"|[0-9]{1,25}|null|\\[\\]|\\{\\}),?){0,6}\\}";
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..400),
        json.prop_map(String::into_bytes),
        "[A-Za-z0-9_-]{0,90}\\.[A-Za-z0-9_-]{0,90}\\.[A-Za-z0-9_-]{0,90}".prop_map(String::into_bytes),
        mutated,
    ]
}

#[test]
fn no_noise_is_an_error_of_ours() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let proxy = runtime.block_on(TestProxy::with(&format!("[limits]\nrequests_per_minute = 1000000\n{SITES}")));
    let key = BrowserKey::new();
    let token = runtime.block_on(proxy.arrive(1, &key));
    let good = key.envelope(&payload(&proxy, 1, &token, signup("c1")));
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let path = prop_oneof![Just("v1/clicks"), Just("v1/conversions")];
    let cookie = "[ -~]{0,60}";
    let noise = (path, bodies(good.clone()), cookie);
    let ran = runner.run(&noise, |(path, body, cookie)| {
        // A change may by chance change nothing.
        prop_assume!(body != good.as_bytes());
        let request =
            proxy.http.post(proxy.url(path)).header("origin", ORIGIN).header("cookie", format!("tm_acme_v={cookie}"));
        let answer = runtime.block_on(proxy.send(request.body(body)));
        prop_assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.body);
        Ok(())
    });
    ran.unwrap();
    assert_eq!(runtime.block_on(proxy.conversions()), 0);
}
