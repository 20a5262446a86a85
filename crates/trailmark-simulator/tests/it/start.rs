//! Starting, stopping, and the configuration that a proxy gets for the simulator.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use trailmark_simulator::{
    PRIVATE_KEY, PUBLIC_KEY, Pace, Settings, Simulator, StartError, TRACKING_TOKEN, UnknownPace, print_config,
};

use crate::client::{CURRENT, Double};

#[tokio::test]
async fn a_taken_address_is_named() {
    let double = Double::start().await;
    let settings = Settings { listen: double.address(), ..Settings::default() };
    let error = Simulator::start(settings).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { address, .. } if address == double.address()));
    assert!(error.to_string().contains(&double.address().to_string()), "{error}");
}

#[tokio::test]
async fn a_landing_url_that_is_none_is_named() {
    for given in ["/signup", "ftp://acme.example/", "acme.example", "http://a b/", ""] {
        let listen = ([127, 0, 0, 1], 0).into();
        let settings = Settings { listen, landing_url: given.to_owned(), ..Settings::default() };
        for error in [print_config(&settings, &[]).unwrap_err(), Simulator::start(settings).await.unwrap_err()] {
            assert!(matches!(&error, StartError::LandingUrl { given: named } if named == given), "{error}");
        }
    }
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_does_not_wait_for_a_long_delay() {
    let double = Double::start().await;
    let address = double.address();
    let _idle = TcpStream::connect(address).await.unwrap();
    double.arm(json!({ "vendor": "partnerstack", "kind": "delay", "delay_ms": 600_000 })).await;
    let waiting = tokio::spawn(double.api("GET", &format!("{CURRENT}/groups")).try_send());
    while double.control("GET", "requests", &serde_json::Value::Null).await["total"] == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(Duration::from_secs(30), double.shutdown()).await.unwrap();
    assert!(waiting.await.unwrap().is_err());
    assert!(TcpStream::connect(address).await.is_err());
}

#[test]
fn a_pace_is_read_as_it_is_written() {
    for pace in [Pace::Real, Pace::Demo] {
        assert_eq!(pace.to_string().parse(), Ok(pace));
    }
    assert_eq!("fast".parse::<Pace>(), Err(UnknownPace { given: "fast".to_owned() }));
}

#[test]
fn the_printed_configuration_is_toml_and_its_comment_exports_every_secret_it_names() {
    for (pace, confirm_after) in [(Pace::Demo, "4s"), (Pace::Real, "15m")] {
        let settings = Settings { listen: ([127, 0, 0, 1], 4711).into(), pace, ..Settings::default() };
        let text = print_config(&settings, &[]).unwrap();
        let config: toml::Table = text.parse().unwrap();
        let site = &config["sites"][0];
        assert_eq!(site["id"].as_str(), Some("acme"));
        assert_eq!(config["server"]["listen"].as_str(), Some("127.0.0.1:8787"));
        let programs = site["programs"].as_array().unwrap();
        for program in programs {
            assert_eq!(program["confirm_after"].as_str(), Some(confirm_after), "{program:?}");
            assert!(program["base_url"].as_str().unwrap().starts_with("http://127.0.0.1:4711/"), "{program:?}");
        }
        let values = programs.iter().flat_map(|program| program.as_table().unwrap().values());
        let mut named: Vec<&str> = values.filter_map(|value| value.as_str()?.strip_prefix("env:")).collect();
        let exports = text.lines().filter_map(|line| line.strip_prefix("#   export ")?.split_once('='));
        let mut exports: Vec<(&str, &str)> = exports.collect();
        named.sort_unstable();
        exports.sort_unstable();
        assert_eq!(exports.iter().map(|(name, _)| *name).collect::<Vec<_>>(), named);
        let program = programs.iter().find(|program| program["id"].as_str() == Some("main")).unwrap();
        assert_eq!(program["vendor"].as_str(), Some("partnerstack"));
        assert_eq!(program["tracking_url"].as_str(), Some("http://127.0.0.1:4711/partnerlinks"));
        let secrets = [("public_key", PUBLIC_KEY), ("private_key", PRIVATE_KEY), ("tracking_token", TRACKING_TOKEN)];
        for (name, secret) in secrets {
            let variable = program[name].as_str().unwrap().strip_prefix("env:").unwrap();
            assert!(exports.contains(&(variable, secret)), "{text}");
        }
    }
}

#[test]
fn whoever_names_vendors_gets_their_programs_and_secrets_alone() {
    let printed = |vendors: &[&str]| {
        let vendors: Vec<String> = vendors.iter().map(|name| (*name).to_owned()).collect();
        print_config(&Settings::default(), &vendors).unwrap()
    };
    let named = |text: &str| {
        let config: toml::Table = text.parse().unwrap();
        let programs = config["sites"][0]["programs"].as_array().unwrap().iter();
        programs.map(|program| program["vendor"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named(&printed(&[])), ["partnerstack", "partnerize", "introw", "partnero"]);
    let text = printed(&["introw"]);
    assert_eq!(named(&text), ["introw"]);
    assert_eq!(text.matches("#   export ").count(), 1, "{text}");
    // The double's links name the partner, so an order is a line of the partner's share and needs nobody.
    for setting in ["commission_percent = \"10\"", "params             = [\"via\"]"] {
        assert!(text.contains(&format!("\n{setting}\n")), "{text}");
    }
    assert_eq!(named(&printed(&["partnero", "partnerize"])), ["partnerize", "partnero"]);
}

#[test]
fn the_printed_configuration_puts_the_site_where_partner_links_lead() {
    for (landing_url, listen, admin_listen, origin) in [
        ("http://127.0.0.1:8787/", "127.0.0.1:8787", "127.0.0.1:8788", "http://127.0.0.1:8787"),
        ("http://localhost:8788/pricing?a=b", "127.0.0.1:8788", "127.0.0.1:8789", "http://localhost:8788"),
        ("http://[::1]:3000/#top", "[::1]:3000", "127.0.0.1:8788", "http://[::1]:3000"),
        ("https://www.acme.example/start", "127.0.0.1:8787", "127.0.0.1:8788", "https://www.acme.example"),
    ] {
        let settings = Settings { landing_url: landing_url.to_owned(), ..Settings::default() };
        let config: toml::Table = print_config(&settings, &[]).unwrap().parse().unwrap();
        let (server, site) = (&config["server"], &config["sites"][0]);
        assert_eq!(server["listen"].as_str(), Some(listen));
        assert_eq!(server["admin_listen"].as_str(), Some(admin_listen));
        for url in [&server["public_url"], &site["public_url"], &site["origins"][0]] {
            assert_eq!(url.as_str(), Some(origin), "{landing_url}");
        }
    }
}
