//! The real binary in its own folder: exit codes, wrong inputs, tables, JSON, and equal answers from a running proxy
//! and from the store.

use serde_json::{Value, json};
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY, Settings, Simulator};
use trailmark_vendors::VENDORS;

use super::support::operator::{ADMIN_KEY, Desk, Office};
use super::support::proxy::SITES;

const SOME_ID: &str = "019aa5a0-6f70-7000-8000-000000000001";

/// Rows: the arguments, and what the error must name.
#[track_caller]
fn all_fail(desk: &Desk, code: i32, rows: &[(&str, &str)]) {
    for (words, named) in rows {
        let error = desk.run(words).fails(code);
        assert!(error.contains(named), "`{words}` should name `{named}`: {error}");
    }
}

#[test]
fn help_and_version_end_well_and_name_the_exit_codes() {
    let desk = Desk::unserved(SITES);
    let help = desk.run("--help").well();
    for code in ["0    done", "1    ", "2    ", "3    ", "4    ", "130  "] {
        assert!(help.contains(code), "{code} in {help}");
    }
    for family in [
        "serve",
        "simulate",
        "snippet",
        "doctor",
        "vendors",
        "partners",
        "groups",
        "partnerships",
        "customers",
        "transactions",
        "commissions",
        "webhooks",
        "conversions",
        "outbox",
        "lanes",
        "keys",
        "apikeys",
        "store",
        "config",
    ] {
        assert!(help.contains(family));
        desk.run(&format!("{family} --help")).well();
    }
    assert!(desk.run("--version").well().starts_with("trailmark "));
    assert_eq!(desk.run("").code, Some(2));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_names_the_input() {
    all_fail(
        &Desk::unserved(SITES),
        2,
        &[
            ("serve --listen nowhere", "--listen"),
            ("serve --www missing --listen 127.0.0.1:0", "missing"),
            ("serve --listen 127.0.0.1:0 --clock-url http://127.0.0.1:9/", "--clock-url"),
            ("explain u_2", "'conversions explain'"),
            ("rotate --site acme", "'keys rotate'"),
            ("converions list", "'conversions', "),
            ("simulate --pace fast", "fast"),
            ("simulate --listen 9100", "such as 127.0.0.1:9100"),
            (
                "customers list --program main --since 2026-11-22T00:00:00Z --until 2026-11-21T00:00:00Z",
                "`since` must not be later than `until`",
            ),
            (
                "transactions add --program main --customer u_1 --currency USD --amount-minor 1.5",
                "such as 9900 for 99.00 USD",
            ),
            ("simulate --listen 127.0.0.1:0 --landing-url /home", "--landing-url"),
            ("simulate --print-config --landing-url /home", "--landing-url"),
            ("simulate --print-config --listen 127.0.0.1:0", "--listen"),
            ("simulate --print-config --listen 0.0.0.0:9100", "--listen"),
            ("simulate --print-config --vendor nobody", "partnerstack"),
            ("simulate --vendor partnerstack", "--print-config"),
            ("snippet", "--site"),
            ("snippet --site NO", "NO"),
            ("snippet --site nobody", "acme"),
            ("doctor", "<URL>"),
            ("doctor www.example.com", "such as https://www.example.com"),
            ("doctor https://ada:word@www.example.com", "user name"),
            ("doctor https://www.example.com --endpoint tm", "https://www.example.com/tm"),
            ("doctor https://www.example.com --config missing.toml", "missing.toml"),
            ("vendors --jason", "--jason"),
            ("vendors nobody", "partnerstack"),
            ("vendors --json=yes", "--json"),
            ("partners list", "zeta-main"),
            ("partners list --program nobody", "zeta-main"),
            ("partners get --program main", "<KEY>"),
            ("conversions list --status open", "unattributed"),
            ("conversions list --limit 0", "not a number of 1 or more"),
            ("conversions list --limit ten", "`all`"),
            ("conversions list --since yesterday", "2026-11-21"),
            ("conversions list --since 2026-11-22 --until 2026-11-21", "--since must be before --until"),
            ("conversions list --csv --json", "--csv"),
            ("lanes open acme/main/x", "such as acme/main"),
            ("conversions release zz --reason because", "8 to 36"),
            ("conversions check ../../v1/keys", "8 to 36"),
            ("outbox list --state lost", "uncertain"),
            ("outbox list --all --state due", "--all"),
            ("outbox drop 019aa5a0", "--reason"),
            ("outbox drop 019aa5a0 --reason x", "3 to 500"),
            ("outbox resolve 019aa5a0 --as maybe --reason because", "recorded"),
            ("keys rotate", "--site"),
            ("keys rotate --site nobody", "acme"),
            ("keys revoke not/a/key --site acme", "key id"),
            ("store repair", "repair"),
            ("store check --store mysql://x", "sqlite:trailmark.db"),
            ("store migrate --config missing.toml", "missing.toml"),
            ("config edit", "edit"),
            ("config print --default --json", "--default"),
            ("config check --config missing.toml", "config print --default"),
        ],
    );
}

#[test]
fn config_check_names_every_mistake_with_its_line_and_the_cure() {
    let desk = Desk::unserved(SITES);
    let broken = SITES.replace("id = \"main\"", "id = \"main\"\ncolour = \"red\"");
    std::fs::write(desk.path("unknown.toml"), &broken).unwrap();
    let line = broken.lines().position(|line| line.starts_with("colour")).unwrap() + 1;
    let error = desk.run("config check --config unknown.toml").fails(2);
    assert!(error.contains(&format!("unknown.toml:{line}")) && error.contains("colour"), "{error}");

    let broken =
        SITES.replace("http://127.0.0.1:8787\"]", "http://127.0.0.1:8787/shop\"]").replace("env:KEY", "env:NO");
    std::fs::write(desk.path("two.toml"), &broken).unwrap();
    let error = desk.run("config check --config two.toml").fails(2);
    assert!(error.contains("sites.origins") && error.contains("like https://www.example.com"), "{error}");
    assert!(error.contains("NO, which is not set: export it"), "{error}");
    assert!(desk.run("config check").well().contains("sound"));
}

#[test]
fn config_print_shows_no_secret() {
    let desk = Desk::unserved(SITES);
    for words in ["config print", "config print --json"] {
        let text = desk.run(words).well();
        assert!(!text.contains("a-vendor-secret") && text.contains("[redacted] from env:KEY"), "{text}");
    }
    desk.run("config print --json").json();
    let default = desk.run("config print --default").well();
    std::fs::write(desk.path("default.toml"), default).unwrap();
    desk.run("config check --config default.toml").well();
}

#[test]
fn without_proxy_and_ledger_a_command_says_what_to_start() {
    let desk = Desk::unserved(SITES);
    for words in ["conversions list", "outbox list", "keys list", "store check"] {
        let error = desk.run(words).fails(4);
        assert!(error.contains("trailmark serve") && error.contains("trailmark.db"), "{words}: {error}");
    }
    assert!(!desk.path("trailmark.db").exists());
}

#[test]
fn config_check_warns_of_a_ledger_whose_folder_is_not_there() {
    let desk = Desk::unserved(SITES);
    for (words, warned) in [("sqlite:no/folder/x.db", true), ("sqlite:x.db", false), ("sqlite:./x.db", false)] {
        let said = desk.run(&format!("config check --store {words}")).well();
        assert_eq!(said.contains("there is no folder `no/folder`"), warned, "{words}: {said}");
        let told = desk.run(&format!("config check --json --store {words}")).json();
        assert_eq!(told["warnings"].as_array().unwrap().len(), usize::from(warned), "{told}");
    }
}

#[test]
fn a_ledger_is_made_checked_and_empty() {
    let desk = Desk::unserved(SITES);
    assert!(desk.run("store migrate").well().contains("schema version"));
    assert!(desk.run("store migrate --json").json()["schema_version"].is_u64());
    assert!(desk.run("store check").well().contains("all hold"));
    assert_eq!(desk.run("store check --json").json()["violations"], json!([]));
    assert_eq!(desk.run("conversions list --json").json(), json!([]));
    assert_eq!(desk.run("outbox list --json").json(), json!({ "lanes": [], "deliveries": [] }));
    assert_eq!(desk.run("keys list --json").json(), json!([]));
    assert_eq!(desk.run("conversions list").well(), "no conversion matches\n");
}

#[test]
fn a_row_that_is_not_there_ends_with_1() {
    let desk = Desk::unserved(SITES);
    desk.run("store migrate").well();
    all_fail(
        &desk,
        1,
        &[
            (&format!("conversions show {SOME_ID}"), "no conversion has this id"),
            (&format!("conversions explain {SOME_ID}"), "no conversion has this id"),
            ("conversions explain u_9", "no conversion has this id, key"),
            ("conversions explain rosa@example.org", "e-mail address"),
            ("lanes open acme/main", "`acme/main`: there is no such lane; `trailmark lanes list`"),
            ("conversions explain ../../v1/keys", "no conversion has this id"),
            (&format!("outbox retry {SOME_ID}"), "no such delivery"),
            ("outbox drop 019aa5a0 --reason because", "`019aa5a0`: none of the newest 1000 deliveries"),
            ("webhooks show 019aa5a0", "`019aa5a0`: there is no such webhook"),
            ("apikeys revoke key-of-nobody --site acme", "`key-of-nobody`: there is no such API key"),
            (&format!("outbox resolve {SOME_ID} --as recorded --reason because"), "no such delivery"),
            ("keys revoke 0000000000000000 --site acme", "keys list"),
        ],
    );
}

#[test]
fn no_error_passes_on_a_character_that_turns_a_line() {
    let desk = Desk::unserved(SITES);
    desk.run("store migrate").well();
    for name in ["u_\u{202e}gnp.exe", "u_\u{2066}x"] {
        let error = desk.run(&format!("conversions explain {name}")).fails(1);
        assert!(!error.contains(['\u{202e}', '\u{2066}']), "{error:?}");
    }
}

#[test]
fn an_empty_list_of_what_is_not_configured_is_a_slip_of_the_hand() {
    let desk = Desk::unserved(SITES);
    desk.run("store migrate").well();
    for list in ["conversions list", "outbox list", "webhooks list"] {
        all_fail(
            &desk,
            2,
            &[(&format!("{list} --site nobody"), "acme"), (&format!("{list} --program nobody --json"), "main")],
        );
        desk.run(&format!("{list} --site acme --program main")).well();
    }
}

#[test]
fn a_reader_that_goes_away_early_is_no_failure() {
    let desk = Desk::unserved(SITES);
    desk.run("store migrate").well();
    for words in ["--help", "vendors", "vendors --json", "conversions list", "config print", "simulate --print-config"]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = desk.command(words).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{words}");
    }
}

#[test]
fn vendors_answer_for_every_operation_in_every_dialect() {
    let desk = Desk::unserved(SITES);
    let table = desk.run("vendors --json").json();
    assert_eq!(table.as_array().unwrap().len(), 8);
    for row in table.as_array().unwrap() {
        assert_eq!(row["cells"].as_array().unwrap().len(), 13, "{row}");
    }
    let text = desk.run("vendors").well();
    assert!(text.contains("PartnerStack, dialect current") && text.contains("Partnero, dialect guide"));
    let one = desk.run("vendors partnerstack").well();
    assert!(one.contains("partners move") && one.contains("links deactivate") && !one.contains("Partnero"), "{one}");
    assert_narrow(&one);
    let (_, legend) = text.split_once("IF THE OUTCOME").unwrap();
    let classed = || text.split("yes, ").skip(1).chain(text.split("assumed, ").skip(1));
    for word in classed().map(|rest| rest.split("  ").next().unwrap()) {
        assert!(legend.contains(&format!("\n{word} ")), "{word} is explained: {legend}");
    }
    assert_narrow(&text);
}

#[test]
fn every_line_of_vendors_has_its_source() {
    let desk = Desk::unserved(SITES);
    let table = desk.run("vendors --json").json();
    let mut lines = 0;
    for row in table.as_array().unwrap() {
        let cells = row["cells"].as_array().unwrap().iter().map(|cell| &cell[1]);
        let words = ["commands", "lacking"].into_iter().flat_map(|name| row[name].as_array().unwrap());
        for line in cells.chain(words) {
            assert!(!line["source"].as_str().unwrap().is_empty(), "{line}");
            lines += 1;
        }
        assert!(!row.to_string().to_lowercase().contains("not yet"), "{row}");
    }
    let text = desk.run("vendors").well();
    assert_eq!(text.matches("source: ").count() + text.matches("source:\n").count(), lines, "{text}");
    let one = desk.run("vendors partnerize").well();
    for part in ["assumed, upsert", "not needed", "source: seed 001 § Core endpoints", "source: seed 001 § Create user"]
    {
        assert!(one.contains(part), "{part} in {one}");
    }
}

#[test]
fn keys_rotate_and_revoke_on_the_store() {
    let desk = Desk::unserved(SITES);
    desk.run("store migrate").well();
    let first = desk.run("keys rotate --site acme --at-once --json").json()[0]["kid"].as_str().unwrap().to_owned();
    let both = desk.run("keys rotate --site acme --json").json();
    assert_eq!((&both[0]["state"], &both[1]["state"]), (&json!("published"), &json!("signing")));
    desk.run(&format!("keys revoke {first} --site acme")).well();
    let error = desk.run(&format!("keys revoke {first} --site acme")).fails(1);
    assert!(error.contains("revoked already"), "{error}");
    let list = desk.run("keys list").well();
    assert!(list.contains("revoked") && list.contains("signs from"), "{list}");
    assert_narrow(&list);
    assert!(!desk.run("keys list --json").well().contains("private"));
}

#[test]
fn a_snippet_carries_the_sites_own_settings() {
    let text = Desk::unserved(SITES).run("snippet --site acme");
    if text.code == Some(1) {
        // A binary that was built before the SDK says so; the journey tests run the other kind.
        assert!(text.err.contains("build-sdk"), "{}", text.err);
        return;
    }
    let text = text.well();
    for part in [
        "<script>",
        "<script async src=\"/tm/sdk.js\" data-site=\"acme\" data-consent=\"pending\" data-params=\"via\"></script>",
        "trailmark.signup({ customerKey:",
        concat!("npm install /path/to/trailmark/target/npm/trailmark-", env!("CARGO_PKG_VERSION"), ".tgz"),
        "import { init } from 'trailmark';",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let manifest = Desk::unserved(SITES).run("snippet --manifest").json();
    let [stub, entry, hashed @ ..] = manifest["files"].as_array().unwrap().as_slice() else { panic!("{manifest}") };
    assert_eq!((&stub["name"], &entry["name"]), (&json!("stub"), &json!("sdk.js")));
    assert!(hashed.iter().any(|file| file["name"].as_str().unwrap().ends_with("_bg.wasm")), "{manifest}");
    let text = Desk::unserved(SITES).run("snippet --site acme --integrity").well();
    let integrity = entry["integrity"].as_str().unwrap();
    let pinned = format!("\" integrity=\"{integrity}\" crossorigin=\"anonymous\" data-site=\"acme\"");
    assert!(text.contains("src=\"/tm/sdk.js?v=") && text.contains(&pinned), "{text}");
    Desk::unserved(SITES).run("snippet").fails(2);
}

#[test]
fn the_printed_configuration_has_a_program_at_each_vendor_and_is_sound_with_the_printed_exports() {
    let all = VENDORS.map(|vendor| vendor.name());
    let words = "simulate --print-config --pace demo --landing-url http://localhost:3000/pricing";
    let alone = all.map(|name| (format!("{words} --vendor {name}"), vec![name]));
    for (words, vendors) in alone.into_iter().chain([(words.to_owned(), all.to_vec())]) {
        let desk = Desk::unserved(SITES);
        let text = desk.run(&words).well();
        assert!(text.contains("origins    = [\"http://localhost:3000\"]"), "{text}");
        let config: toml::Table = text.parse().unwrap();
        let programs = config["sites"][0]["programs"].as_array().unwrap().iter();
        let named: Vec<_> = programs.map(|program| program["vendor"].as_str().unwrap()).collect();
        assert_eq!(named, vendors);
        desk.write("trailmark.toml", &text);
        // The line that the text itself names, in a shell that has no secret of a vendor.
        let eval = text.lines().find_map(|line| line.strip_prefix("#   eval ")).unwrap();
        let sound = desk.shell(&format!("PATH=$PATH:/usr/bin:/bin; eval {eval} && trailmark config check")).well();
        assert!(sound.contains(&format!("programs: {})", vendors.len())), "{sound}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_proxy_and_the_store_give_the_same_answers() {
    let office = Office::locked().await;
    let id = office.signup(1).await;
    office.signup(2).await;
    let questions = [
        "conversions list --json".to_owned(),
        "conversions list".to_owned(),
        "conversions list --limit 1 --status accepted --program main --site acme --json".to_owned(),
        format!("conversions show {id} --json"),
        format!("conversions show {id}"),
        format!("conversions explain {}", &id[..18]),
        "conversions list ada".to_owned(),
        "conversions list --csv".to_owned(),
        "lanes list".to_owned(),
        "lanes list --json".to_owned(),
        "outbox list".to_owned(),
        "outbox list --json".to_owned(),
        "outbox list --all --json".to_owned(),
        "keys list --json".to_owned(),
        "store check --json".to_owned(),
        "store migrate".to_owned(),
    ];
    let ask = |desk: &Desk| questions.iter().map(|words| desk.run(words).well()).collect::<Vec<_>>();
    let running = ask(&office.desk);
    let (desk, _proxy) = office.close().await;
    for ((words, running), opened) in questions.iter().zip(running).zip(ask(&desk)) {
        assert_eq!(running, opened, "{words}");
        // A pipe gets whole rows.
        if !words.contains(" list") {
            assert_narrow(&running);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_the_way_of_a_signup() {
    let office = Office::open().await;
    let id = office.signup(1).await;
    let text = office.desk.run(&format!("conversions explain {id}")).well();
    for part in [
        "Signup of customer u_1",
        "partner ada, click id click1",
        "Credited",
        "PartnerStack, program main",
        "It is due",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("ada@example.com"));
    assert_eq!(office.desk.run(&format!("conversions explain {id} --json")).json()["conversion"]["id"], json!(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_by_hand_go_through_a_running_proxy() {
    let office = Office::locked().await;
    office.signup(1).await;
    let list = office.desk.run("outbox list --json").json();
    let delivery = list["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let short = &delivery[..18];
    let error = office.desk.run(&format!("outbox resolve {short} --as recorded --reason seen-there")).fails(1);
    assert!(error.contains("due"), "{error}");
    let dropped = office.desk.run(&format!("outbox drop {short} --reason a-test --json")).json();
    assert_eq!(dropped["state"], "dropped");
    assert_eq!(office.desk.run("outbox list --json").json()["deliveries"], json!([]));
    let again = office.desk.run(&format!("outbox retry {delivery}")).well();
    assert!(again.contains("due") && again.contains(short), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_admin_key_ends_with_2_and_shows_neither_key() {
    let office = Office::locked().await;
    let output = office.desk.command("conversions list").env("ADMIN_KEY", "another-key").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("`server.admin_key` has another value: use that one; a command reads it from")
            && !error.contains("another-key")
            && !error.contains(ADMIN_KEY),
        "{error}"
    );
}

#[test]
fn a_stranger_on_the_operators_port_is_said_to_be_one() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let desk = Desk::with(SITES, vec![("TRAILMARK_SERVER_ADMIN_LISTEN", listener.local_addr().unwrap().to_string())]);
    let stranger = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        // The first connection only checks for a listener.
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").unwrap();
    });
    let error = desk.run("conversions list").fails(4);
    assert!(error.contains("is not from a proxy"), "{error}");
    stranger.join().unwrap();
}

/// A folder whose program `main` uses the simulator at this address.
fn at_double(address: std::net::SocketAddr, private_key: &str) -> Desk {
    let toml = format!(
        "[[sites]]\nid = \"acme\"\norigins = [\"http://127.0.0.1:8787\"]\n\n[[sites.programs]]\nid = \"main\"\n\
         vendor = \"partnerstack\"\npublic_key = \"env:PUBLIC\"\nprivate_key = \"env:PRIVATE\"\n\
         base_url = \"http://{address}/partnerstack\"\ntracking_url = \"http://{address}/partnerlinks\"\n"
    );
    Desk::with(&toml, vec![("PUBLIC", PUBLIC_KEY.to_owned()), ("PRIVATE", private_key.to_owned())])
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_come_to_the_last_page_from_the_vendor() {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
    let double = Simulator::start(settings).await.unwrap();
    let desk = at_double(double.address(), PRIVATE_KEY);
    let lines = desk.run("partners list --json").well();
    let partners: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!partners.is_empty());
    let key = partners[0]["key"].as_str().unwrap();
    let table = desk.run("partners list --program main").well();
    assert_eq!(table.lines().count(), partners.len() + 1);
    assert!(table.contains(key) && !table.contains('@'), "{table}");
    assert_eq!(desk.run(&format!("partners get {key} --json")).json(), partners[0]);
    assert!(desk.run(&format!("partners get {key}")).well().contains(key));

    desk.run("partners get nobody-of-this-name").fails(3);
    let locked_out = at_double(double.address(), "a-wrong-key");
    let error = locked_out.run("partners list").fails(3);
    assert!(error.contains("credential") && !error.contains("a-wrong-key"), "{error}");
    let address = double.address();
    double.shutdown().await;
    let error = at_double(address, PRIVATE_KEY).run("partners list").fails(4);
    assert!(error.contains("PartnerStack cannot be reached"), "{error}");
}

/// No line is wider than 80 columns, except for a single word that cannot be broken.
#[track_caller]
fn assert_narrow(text: &str) {
    if text.starts_with(['{', '[']) {
        return;
    }
    for line in text.lines().filter(|line| line.trim().contains(' ')) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_command_ends_with_130() {
    // A listener that accepts the connection but never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let desk = at_double(silent.local_addr().unwrap(), PRIVATE_KEY);
    let mut running = desk.command("partners list").stderr(std::process::Stdio::piped()).spawn().unwrap();
    let held = silent.accept().unwrap();
    let interrupt = std::process::Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(running.wait().unwrap().code(), Some(130));
    drop(held);
}
