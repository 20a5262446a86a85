//! The configuration: what is read, and that every mistake names place, setting and cure.

use std::path::Path;

use trailmark_proxy::config::{Config, ConfigError, Overrides, Unlocked, default_file};

/// The documentation's example with the fewest settings.
const GOOD: &str = r#"
[[sites]]
id = "acme"
origins = ["http://127.0.0.1:8787"]
[[sites.programs]]
id = "main"
vendor = "partnerstack"
public_key = "env:SECRET"
private_key = "env:SECRET"
"#;

/// `AGAIN` holds what `SECRET` holds.
fn variables() -> Overrides {
    Overrides::from_variables(|name| match name {
        "SECRET" | "AGAIN" => Some("sk_very_secret".to_owned()),
        "OTHER" => Some("sk_another_secret".to_owned()),
        _ => None,
    })
}

fn read(toml: &str) -> Result<Unlocked, ConfigError> {
    Unlocked::from_toml(toml, Path::new("trailmark.toml"), &variables())
}

/// The problems of a configuration, one on each line.
#[track_caller]
fn refused(toml: &str) -> String {
    let text = read(toml).unwrap_err().to_string();
    assert!(!text.contains("sk_"), "{text}");
    text
}

#[test]
fn the_least_configuration_has_the_documented_defaults() {
    let settings = read(GOOD).unwrap();
    let printed = settings.config.print(&variables());
    for line in [
        "listen = \"127.0.0.1:8787\"",
        "public_url = \"http://127.0.0.1:8787\"",
        "mount = \"/tm\"",
        "admin_listen = \"127.0.0.1:8788\"",
        "client_ip_header = \"x-forwarded-for\"",
        "url = \"sqlite:trailmark.db\"",
        "consent = \"required\"",
        "redirect_to = [\"/\"]",
        "credit = \"one\"",
        "window_days = 90",
        "signups_per_visitor = 3",
        "signups_from = \"both\"",
        "signup_wait = \"5m\"",
        "held_per_hour = 5000",
        "network_share_percent = 5",
        "connections_per_network = 128",
        "require_signed_customer = false",
        "dialect = \"current\"",
        "private_key = \"[redacted] from env:SECRET\"",
        "confirm_after = \"15m\"",
        "requests_per_minute = 1200",
        "unique_keys = false",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in\n{printed}");
    }
    assert!(!printed.contains("sk_very_secret") && !format!("{settings:?}").contains("sk_very_secret"));
}

#[test]
fn the_default_file_is_read_and_every_example_in_it_is_right() {
    let default = default_file();
    read(&default).unwrap();
    let uncommented: String = default
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with("[[") || setting.contains(" = ") && !setting.starts_with(' ') => {
                setting
            }
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let secrets = Overrides::from_variables(|name| {
        let is_secret = !name.starts_with("TRAILMARK_") || name == "TRAILMARK_ADMIN_KEY";
        is_secret.then(|| "a-secret-of-24-characters".to_owned())
    });
    let config = Unlocked::from_toml(&uncommented, Path::new("default"), &secrets).unwrap().config;
    let least = read(GOOD).unwrap().config;
    // The default file shows the true defaults.
    for (example, default) in [
        (config.server.listen.to_string(), least.server.listen.to_string()),
        (config.server.mount, least.server.mount),
        (format!("{:?}", config.limits), format!("{:?}", least.limits)),
        (config.store.to_string(), least.store.to_string()),
        (config.sites[0].window_days.to_string(), least.sites[0].window_days.to_string()),
        (
            config.sites[0].programs[0].confirm_after_ms.to_string(),
            least.sites[0].programs[0].confirm_after_ms.to_string(),
        ),
    ] {
        assert_eq!(example, default);
    }
}

#[test]
fn a_program_may_be_slower_than_its_vendor_allows_and_then_never_sends_more_at_once() {
    let pace = read(&format!("{GOOD}requests_per_minute = 6\n")).unwrap().config.sites[0].programs[0].pace;
    assert_eq!((pace.per_minute, pace.burst, pace.concurrency), (6, 6, 8));
}

#[test]
fn the_default_file_says_which_settings_of_a_vendor_are_needed_and_which_dialect_reads_them() {
    let default = default_file();
    for lines in [
        "# `public_key`: user name of its API. Needed.\n#public_key = \"env:PARTNERSTACK_PUBLIC_KEY\"\n",
        "which ties signups to clicks. Dialect current only.\n#tracking_token = \"env:PARTNERSTACK_TRACKING_TOKEN\"\n",
    ] {
        assert!(default.contains(lines), "{lines} is not in\n{default}");
    }
}

#[test]
fn the_default_file_says_of_every_vendor_its_name_pace_and_keys_and_what_its_generic_parameters_hold() {
    let default = default_file();
    for text in [
        "# One of \"partnerstack\", \"partnerize\", \"introw\" or \"partnero\". A site",
        "\n#vendor = \"partnerstack\"\n",
        "at\n# Partnerize, a click id. At Partnero, a name may also be a segment of the path",
        "# Default: none, but [\"aff\"] at Partnero.\n",
        " Default: PartnerStack 1200, Partnerize 600, Introw 110 and Partnero 600.\n",
        "\n#requests_per_minute = 1200\n",
        "# PartnerStack (customers and orders of one account), Partnerize (orders of one campaign) and Partnero (customers \
         and orders of one program).\n",
    ] {
        assert!(default.contains(text), "{text} is not in\n{default}");
    }
    assert!(!default.contains('{'), "a mark is left in\n{default}");
}

#[test]
fn a_mistake_is_told_with_line_setting_and_cure() {
    let in_site = |line: &str| GOOD.replacen("id = \"acme\"", &format!("id = \"acme\"\n{line}"), 1);
    let in_program = |line: &str| format!("{GOOD}{line}\n");
    let in_server = |line: &str| format!("[server]\n{line}\n{GOOD}");
    for (toml, expected) in [
        ("x =".to_owned(), "trailmark.toml:1: `x` cannot be read as TOML"),
        (in_server("lisen = \"x\""), "trailmark.toml:2: `server.lisen` is not a setting here; did you mean `listen`?"),
        (in_program("private_key = \"env:SECRET\""), "trailmark.toml:10: `sites.programs.private_key` is set twice"),
        (
            GOOD.replacen("partnerstack", "introw", 1).replacen("public_key = \"env:SECRET\"\n", "", 1).replacen(
                "private_key = \"env:SECRET\"\n",
                "",
                1,
            ),
            "trailmark.toml:7: `sites.programs.api_key` is missing: introw needs it (key of its API)",
        ),
        (
            in_server("listen = 8787"),
            "trailmark.toml:2: `server.listen` has the wrong type: write a text in quotes: listen = \"…\"",
        ),
        (in_server("listen = \"localhost\""), "trailmark.toml:2: `server.listen` is not an address with a port"),
        (
            in_server("public_url = \"http://example.com\""),
            "trailmark.toml:2: `server.public_url` must be https except on loopback",
        ),
        (
            in_server("public_url = \"https://example.com/path\""),
            "`server.public_url` must have only scheme, host and port",
        ),
        (in_server("listen = \"0.0.0.0:80\""), "`server.public_url` is required"),
        (in_server("mount = \"tm/\""), "trailmark.toml:2: `server.mount` must be a path"),
        (in_server("mount = \"/\""), "`server.mount` must be a path"),
        (in_server("mount = \"/a/../b\""), "`server.mount` must be a path"),
        (
            in_server("admin_listen = \"0.0.0.0:8788\""),
            "trailmark.toml:2: `server.admin_listen` is not a loopback address and needs `admin_key`",
        ),
        (in_server("admin_listen = \"127.0.0.1:8787\""), "`server.admin_listen` is the public listener's address"),
        (
            in_server("admin_key = \"sk_inline\""),
            "`server.admin_key` holds the secret itself: write env:NAME or file:PATH",
        ),
        (
            in_server("admin_key = \"env:NOT_SET\""),
            "`server.admin_key` needs the environment variable NOT_SET, which is not set",
        ),
        (
            in_server("admin_key = \"env:SECRET\""),
            "`server.admin_key` names a secret that is too weak as a key (env:SECRET): it needs 20 or more visible ASCII",
        ),
        (
            in_server("admin_key = \"file:nowhere\""),
            "`server.admin_key` names a file after `file:` that cannot be read",
        ),
        (
            in_server("trusted_proxies = [\"10.0.0.0/8\", \"0.0.0.0/0\"]"),
            "`server.trusted_proxies` trusts every address",
        ),
        (in_server("log_level = \"hyper=trace\""), "`server.log_level` must be \"error\" or"),
        (in_server("log_format = \"xml\""), "`server.log_format` must be \"text\" or \"json\""),
        (
            format!("[store]\nurl = \"postgres://db\"\n{GOOD}"),
            "trailmark.toml:2: `store.url` names Postgres, but this version supports only SQLite",
        ),
        (format!("[store]\nurl = \"sqlite::memory:\"\n{GOOD}"), "`store.url` names no file"),
        (format!("[limits]\nqueue = 0\n{GOOD}"), "trailmark.toml:2: `limits.queue` must be 1 to"),
        (in_site("window_days = 401"), "trailmark.toml:4: `sites.window_days` must be 1 to 400"),
        (in_site("window_days = 0"), "`sites.window_days` must be 1 to 400"),
        (in_site("credit = \"first\""), "`sites.credit` must be \"one\" or \"each\""),
        (in_site("public_url = \"http://example.com\""), "`sites.public_url` must be https except on loopback"),
        (in_site("cookie_domain = \"example.com\""), "`sites.cookie_domain` does not cover `127.0.0.1`"),
        (in_site("redirect_to = [\"javascript:x\"]"), "`sites.redirect_to` is neither a path"),
        (
            in_site("order_keys = [{kty = \"EC\", crv = \"P-256\", x = \"a\", y = \"b\", d = \"c\"}]"),
            "`sites.order_keys` contains a private key",
        ),
        (
            GOOD.replacen("http://127.0.0.1:8787", "https://*.example.com", 1),
            "trailmark.toml:4: `sites.origins` must have only scheme, host and port",
        ),
        (GOOD.replacen("\"acme\"", "\"Acme\"", 1), "trailmark.toml:3: `sites.id` is not a site id"),
        (GOOD.replacen("id = \"acme\"\n", "", 1), "trailmark.toml:2: `sites.id` is missing"),
        (
            GOOD.replacen("vendor = \"partnerstack\"", "vendor = \"other\"", 1),
            "trailmark.toml:7: `sites.programs.vendor` is not a vendor: write partnerstack, partnerize, introw, partnero",
        ),
        (
            GOOD.replacen("private_key = \"env:SECRET\"", "", 1),
            "trailmark.toml:7: `sites.programs.private_key` is missing: partnerstack needs it",
        ),
        (
            GOOD.replacen("private_key = \"env:SECRET\"", "private_key = \"sk_live_inline\"", 1),
            "trailmark.toml:9: `sites.programs.private_key` holds the secret itself",
        ),
        (
            GOOD.replacen("private_key = \"env:SECRET\"", "private_key = 12", 1),
            "trailmark.toml:9: `sites.programs.private_key` has the wrong type",
        ),
        (GOOD.replacen("partnerstack", "partnerize", 1), "is not a setting of partnerize: remove it"),
        (
            in_program("base_url = \"http://api.example.com\""),
            "trailmark.toml:10: `sites.programs.base_url` is plain http to another machine",
        ),
        (in_program("base_url = \"ftp://api.example.com\""), "`sites.programs.base_url` is neither https nor http"),
        // field-faults row 75
        (
            in_program("base_url = \"https://168.63.129.16\""),
            "`sites.programs.base_url` is an address that is neither public",
        ),
        (
            in_program("base_url = \"https://[fd00:ec2::254]:8443/v2\""),
            "is an address that is neither public nor on this machine",
        ),
        (
            in_program("tracking_url = \"http://169.254.169.254\""),
            "`sites.programs.tracking_url` is an address that is neither",
        ),
        (in_program("base_url = \"https://0x0a000001\""), "is an address that is neither public nor on this machine"),
        (
            in_program("base_url = \"http://vendor.localhost\""),
            "`sites.programs.base_url` is plain http to another machine",
        ),
        (
            in_program("base_url = \"http://127.0.0.1:9100\""),
            "`sites.programs.base_url` does not fit the other programs: `127.0.0.1:9100` is on loopback",
        ),
        (in_program("confirm_after = \"soon\""), "`sites.programs.confirm_after` is not a duration"),
        (in_program("requests_per_minute = 0"), "`sites.programs.requests_per_minute` must be 1 to 1000000"),
        (
            in_program("requests_per_minut = 5"),
            "trailmark.toml:10: `sites.programs.requests_per_minut` is not a setting here; did you mean `requests_per_minute`?",
        ),
        (
            in_program("tracking_token = 5"),
            "`sites.programs.tracking_token` has the wrong type: write a text in quotes: tracking_token = \"…\"",
        ),
        (in_program("requests_per_minute = -5"), "`sites.programs.requests_per_minute` must be 1 to 1000000"),
        (in_program("params = [\"a b\"]"), "`sites.programs.params` is not a parameter name"),
        (
            in_program("webhook_path = \"env:SECRET\""),
            "`sites.programs.webhook_path` names a secret that does not fit as an address (env:SECRET): it needs 20 to 200",
        ),
        (in_program("api_key = \"env:SECRET\""), "`sites.programs.api_key` is not a setting of partnerstack"),
    ] {
        let text = refused(&toml);
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
}

#[test]
fn problems_come_in_the_order_of_the_file() {
    let toml = GOOD.replace("env:SECRET", "env:NOT_SET");
    let toml =
        format!("[server]\nadmin_key = \"env:NOT_SET\"\nmount = \"/\"\n{toml}base_url = \"ftp://api.example.com\"\n");
    let ConfigError::Settings(problems) = read(&toml).unwrap_err() else { panic!("it cannot be read") };
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    let expected = [2, 3, 11, 12, 13].map(|line| format!("trailmark.toml:{line}"));
    assert_eq!(places, expected);
}

#[test]
fn contradictions_between_tables_are_errors() {
    let (site, program) = GOOD.split_once("[[sites.programs]]").unwrap();
    let program = format!("[[sites.programs]]{program}");
    let twin = program.replacen("\"main\"", "\"twin\"", 1);
    let other_site = site.replacen("acme", "other", 1);
    for (toml, expected) in [
        (
            format!("{GOOD}{twin}"),
            "`sites.programs `twin`` captures the parameters of partnerstack, like program `main`",
        ),
        (
            format!("{GOOD}params = [\"via\"]\n{twin}params = [\"via\"]\n"),
            "captures `via`, which program `main` captures too",
        ),
        (format!("{GOOD}{site}{twin}"), "`acme` already names a site at trailmark.toml:2"),
        (format!("{GOOD}{other_site}{program}"), "`main` already names a program at trailmark.toml:5"),
    ] {
        let text = refused(&toml);
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
    read(&format!("{GOOD}{other_site}{twin}unique_keys = true\n")).unwrap();
}

/// Site `acme` with program `main` and site `beta` with program `eu`, both at this vendor.
fn two_sites(vendor: &str, main: &str, eu: &str) -> String {
    let site = |site: &str, program: &str, settings: &str| {
        format!(
            "[[sites]]\nid = \"{site}\"\norigins = [\"http://127.0.0.1:8787\"]\n\
             [[sites.programs]]\nid = \"{program}\"\nvendor = \"{vendor}\"\n{settings}"
        )
    };
    site("acme", "main", main) + &site("beta", "eu", eu)
}

const STACK: &str = "public_key = \"env:SECRET\"\nprivate_key = \"env:SECRET\"\n";

#[test]
fn two_sites_whose_keys_would_meet_at_a_vendor_are_refused_unless_one_says_that_they_never_do() {
    assert_eq!(
        refused(&two_sites("partnerstack", STACK, STACK)),
        "trailmark.toml:14: `sites.programs `eu`` has the same account at PartnerStack as program `main` of site \
         `acme`, and PartnerStack knows customers and orders there by your keys alone: what has one key at both sites \
         would count once, and one of the two would earn nobody anything. Give each site its own account there, or \
         make both one site with all their `origins`. If no key ever means two things, set `unique_keys = true` here"
    );
    let with = |settings: &str, line: &str| format!("{settings}{line}\n");
    let rize = "application_key = \"env:SECRET\"\nuser_api_key = \"env:SECRET\"\ncampaign_id = \"10l176\"\n";
    let key = "api_key = \"env:SECRET\"\n";
    for (vendor, main, eu, expected) in [
        // Only the credentials for the API and what names the space count, whatever else differs. At Partnerize, which takes
        // orders without a credential, the campaign alone counts.
        ("partnerstack", STACK, with(STACK, "tracking_token = \"env:OTHER\""), "the same account at PartnerStack"),
        ("partnerstack", STACK, with(STACK, "dialect = \"guide\""), "PartnerStack knows customers and orders"),
        ("partnerstack", STACK, STACK.replace("SECRET", "AGAIN"), "the same account at PartnerStack"),
        ("partnerize", rize, rize.to_owned(), "the same campaign at Partnerize"),
        ("partnerize", rize, rize.replace("SECRET", "OTHER"), "the same campaign at Partnerize"),
        ("partnerize", rize, with(rize, "tracking_url = \"https://acme.prf.hn\""), "Partnerize knows orders there"),
        ("partnero", key, with(key, "webhook_secret = \"env:OTHER\""), "the same program at Partnero"),
    ] {
        let text = refused(&two_sites(vendor, main, &eu));
        assert!(text.contains(expected) && text.lines().count() == 1, "{expected}\nis not in\n{text}");
        let unique = "unique_keys = true";
        read(&two_sites(vendor, &with(main, unique), &eu)).unwrap();
        read(&two_sites(vendor, main, &with(&eu, unique))).unwrap();
    }
    for (vendor, main, eu) in [
        ("partnerstack", STACK, STACK.replace("SECRET", "OTHER")),
        ("partnerstack", STACK, with(STACK, "base_url = \"https://api.partnerstack.example\"")),
        ("partnerize", rize, rize.replace("10l176", "10l177")),
        // Its lines name the site.
        ("introw", key, key.to_owned()),
    ] {
        read(&two_sites(vendor, main, &eu)).unwrap();
    }
}

#[test]
fn the_printed_pace_is_that_in_force_for_the_account_that_programs_share() {
    let stated = |settings: &str, pace: u32| format!("{settings}requests_per_minute = {pace}\nunique_keys = true\n");
    let printed = |config: &Config, overrides: &Overrides| -> Vec<u64> {
        let shown = config.effective(overrides);
        let sites = shown["sites"].as_array().unwrap().iter();
        sites.map(|site| site["programs"][0]["requests_per_minute"].as_u64().unwrap()).collect()
    };
    let nothing = Overrides::from_variables(|_name| None);
    for (eu, in_force, by_sources) in [
        (STACK.to_owned(), [250, 250], [250, 250]),
        (STACK.replace("SECRET", "AGAIN"), [250, 250], [900, 250]),
        (STACK.replace("SECRET", "OTHER"), [900, 250], [900, 250]),
    ] {
        let settings = read(&two_sites("partnerstack", &stated(STACK, 900), &stated(&eu, 250))).unwrap();
        let paces: Vec<u64> = settings.accounts.iter().map(|account| u64::from(account.pace.per_minute)).collect();
        assert_eq!(paces, in_force, "{eu}");
        assert_eq!(printed(&settings.config, &variables()), in_force, "{eu}");
        assert_eq!(printed(&settings.config, &nothing), by_sources, "{eu}: where no secret can be read");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = refused(&format!("[server]\nmount = \"x\"\n[limits]\nqueue = -1\n{}", GOOD.replacen("acme", "A", 1)));
    assert_eq!(text.lines().count(), 3, "{text}");
}

/// Found by the fuzzer: a wrong file such as a log took seconds, and its mistakes filled several screens.
#[test]
fn of_a_file_of_mistakes_the_first_fifty_are_told() {
    for line in ["e\"\n", "unknown_N = 1\n"] {
        let lines = (0..5_000).map(|number| line.replace('N', &number.to_string()));
        let text = refused(&lines.collect::<String>());
        assert_eq!(text.lines().count(), 51, "{text}");
        assert!(
            text.ends_with("trailmark.toml:5001: `the file` has more mistakes below: correct these first"),
            "{text}"
        );
    }
}

#[test]
fn a_program_with_a_mistake_is_told_its_unreadable_secrets_too() {
    let toml = format!("{}confirm_after = \"soon\"\n", GOOD.replacen("env:SECRET", "env:NOT_SET", 1));
    let text = refused(&toml);
    assert!(text.contains("`sites.programs.confirm_after` is not a duration"), "{text}");
    assert!(
        text.contains("trailmark.toml:8: `sites.programs.public_key` needs the environment variable NOT_SET"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn flags_win_over_the_environment_and_both_over_the_file() {
    let file = format!("[server]\nlisten = \"127.0.0.1:1\"\nmount = \"/file\"\n{GOOD}");
    let variable = |name: &str| match name {
        "SECRET" => Some("s".to_owned()),
        "TRAILMARK_SERVER_LISTEN" => Some("127.0.0.1:2".to_owned()),
        "TRAILMARK_SERVER_MOUNT" => Some("/environment".to_owned()),
        "TRAILMARK_SERVER_TRUSTED_PROXIES" => Some("10.0.0.0/8, 192.0.2.1".to_owned()),
        "TRAILMARK_LIMITS_QUEUE" => Some("7".to_owned()),
        _ => None,
    };
    let overrides = Overrides::from_variables(variable).with_flag("server.listen", Some("127.0.0.1:3".to_owned()));
    let config = Config::from_toml(&file, Path::new("f"), &overrides.clone()).unwrap();
    assert_eq!((config.server.listen.port(), config.server.mount.as_str()), (3, "/environment"));
    assert_eq!((config.server.trusted_proxies.len(), config.limits.queue), (2, 7));
    let wrong = overrides.with_flag("server.admin_listen", Some("nowhere".to_owned()));
    let text = Config::from_toml(&file, Path::new("f"), &wrong).unwrap_err().to_string();
    assert!(text.starts_with("--admin-listen: `server.admin_listen` is not an address"), "{text}");
    let wrong = Overrides::from_variables(move |name| variable(name).map(|v| v.replace("/environment", "?")));
    let text = Config::from_toml(&file, Path::new("f"), &wrong).unwrap_err().to_string();
    assert!(text.starts_with("TRAILMARK_SERVER_MOUNT: `server.mount` must be a path"), "{text}");
}

#[test]
fn secrets_come_from_files_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "from-a-file\n").unwrap();
    let toml = GOOD.replacen("private_key = \"env:SECRET\"", "private_key = \"file:key\"", 1);
    let path = folder.path().join("trailmark.toml");
    std::fs::write(&path, toml).unwrap();
    let config = Config::load(Some(&path), &variables()).unwrap();
    let key = &config.sites[0].programs[0].secrets["private_key"];
    assert_eq!(key.read(&variables()).unwrap().expose(), "from-a-file");
    let missing = Config::load(Some(&folder.path().join("none.toml")), &variables()).unwrap_err().to_string();
    assert!(missing.contains("none.toml") && missing.contains("trailmark config print --default"), "{missing}");
}

#[test]
fn an_empty_secret_names_its_variable_where_that_cannot_be_the_secret() {
    let empty = Overrides::from_variables(|_name| Some(String::new()));
    let said = |toml: &str| Unlocked::from_toml(toml, Path::new("trailmark.toml"), &empty).unwrap_err().to_string();
    let text = said(GOOD);
    assert!(text.contains("needs the environment variable SECRET, which is empty or has line breaks"), "{text}");
    let text = said(&GOOD.replacen("env:SECRET", "env:sk_live_1", 1));
    assert!(text.contains("names a secret that is empty") && !text.contains("sk_live_1"), "{text}");
}

#[test]
fn what_is_allowed_but_hardly_meant_is_warned_of() {
    for (toml, warning) in [
        (GOOD.replacen("[\"http://127.0.0.1:8787\"]", "[]", 1), "site `acme` has no `origins`: every page is refused"),
        (GOOD.replacen("http://127.0.0.1:8787", "http://example.com", 1), "is not https"),
        (String::new(), "no [[sites]]"),
        (GOOD.split_once("[[sites.programs]]").unwrap().0.to_owned(), "site `acme` has no programs"),
    ] {
        let warnings = read(&toml).unwrap().config.warnings.join("\n");
        assert!(warnings.contains(warning), "{warning} is not in {warnings}");
    }
    assert_eq!(read(GOOD).unwrap().config.warnings, [""; 0]);
}

// field-faults row 59
#[test]
fn every_mistake_is_told_in_the_order_of_the_file_whatever_its_kind() {
    let error = refused(
        r#"
[server]
lisen = "127.0.0.1:1"
log_level = "loud"
mount = 7

[limits]
queue = "many"

[[sites]]
id = "acme"
origins = "http://127.0.0.1:8787"
window_day = 30
require_signed_customer = "yes"

[sites.programs]
id = "main"

[[sites]]
id = "NO"
colour = "red"
"#,
    );
    let lines: Vec<_> = error.lines().collect();
    let expected = [
        "trailmark.toml:3: `server.lisen` is not a setting here; did you mean `listen`?",
        "trailmark.toml:4: `server.log_level` ",
        "trailmark.toml:5: `server.mount` has the wrong type: write a text in quotes: mount = \"…\"",
        "trailmark.toml:8: `limits.queue` has the wrong type: write a whole number without quotes: queue = 90",
        "trailmark.toml:12: `sites.origins` has the wrong type: write a list, even of one: origins = [\"…\"]",
        "trailmark.toml:13: `sites.window_day` is not a setting here; did you mean `window_days`?",
        "trailmark.toml:14: `sites.require_signed_customer` has the wrong type: write true or false without quotes",
        "trailmark.toml:16: `sites.programs` has the wrong type: write its header with two brackets",
        "trailmark.toml:20: `sites.id` ",
        "trailmark.toml:21: `sites.colour` is not a setting here; `trailmark config print --default` prints all settings",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\nshould be\n{expected}");
    }
    assert_eq!(lines.len(), expected.len(), "{error}");
}

// field-faults row 59
#[test]
fn every_place_that_is_no_toml_is_told() {
    let error = refused("[server]\nlisten = \n[store\nurl = \"sqlite:x\"\n");
    for line in [2, 3] {
        assert!(error.contains(&format!("trailmark.toml:{line}: ")), "{error}");
    }
}

// field-faults row 79
#[test]
fn what_stands_where_a_name_is_expected_is_not_repeated() {
    for given in [
        "env:sk-live-51Hq",
        "env:sk_live_51Hq",
        "env:",
        "env:51Hq SECRET",
        "file:sk_live_51Hq",
        "sk_live_51Hq",
        "env: SECRET",
    ] {
        let error = refused(&GOOD.replacen("env:SECRET", given, 1));
        assert!(
            error.contains("trailmark.toml:8: `sites.programs.public_key`") && !error.contains("51Hq"),
            "{given}: {error}"
        );
    }
    let error = refused(&GOOD.replacen("env:SECRET", "env:NOT_SET", 1));
    assert!(error.contains("NOT_SET, which is not set: export it"), "{error}");
}

// field-faults row 79
#[test]
fn a_debug_text_of_the_configuration_shows_no_more_of_a_secret_than_an_error() {
    for (given, shown) in [
        ("file:sk_live_51Hq", "file:[redacted]"),
        ("file:./keys/sk_live_51Hq.txt", "file:[redacted]"),
        ("env:sk_live_51Hq", "env:[redacted]"),
        ("env:SECRET", "env:SECRET"),
    ] {
        let toml = GOOD
            .replacen("env:SECRET", given, 1)
            .replace("[[sites]]", "[server]\nadmin_key = \"file:51Hq\"\n[[sites]]");
        let config = Config::from_toml(&toml, Path::new("trailmark.toml"), &variables()).unwrap();
        let text = format!("{config:?} {:?}", config.sites[0].programs[0].secrets["public_key"]);
        assert!(!text.contains("51Hq") && text.contains(shown), "{given}: {text}");
    }
}
