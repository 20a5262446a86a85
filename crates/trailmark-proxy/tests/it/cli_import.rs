//! `partners import` with the real binary against the running simulator: what each row becomes, that a second run goes on
//! where the first one ended, and that no row takes effect twice whatever happens to an answer or to the process.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trailmark_vendors::Dialect;

use super::cli_destroys::place;
use super::endpoints::Stage;
use super::support::operator::Ran;

/// Longer than any wait of a passing test.
const PATIENCE: Duration = Duration::from_secs(120);

const IMPORT: &str = "partners import people.csv";

impl Stage {
    async fn of(vendor: &str, dialect: Dialect) -> Self {
        Self::at(place(vendor, dialect)).await
    }

    /// How many partners were sent.
    async fn posts(&self) -> usize {
        self.logged("requests").await.iter().filter(|entry| entry["method"] == "POST").count()
    }

    async fn fault(&self, mut fault: Value) {
        fault["vendor"] = self.place.account.into();
        self.control("faults", fault.to_string()).await;
    }

    /// The report, without times and fingerprints: `row did key`.
    fn report(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.desk.path("people.report.csv")).unwrap();
        let cells = text.lines().skip(1).map(|line| line.splitn(4, ',').take(3).collect::<Vec<_>>().join(" "));
        cells.collect()
    }

    /// How many live partners have this address.
    fn with_address(&self, email: &str) -> usize {
        let listed = self.desk.run("partners list --json").well();
        listed.lines().filter(|line| line.contains(&format!("\"{email}\""))).count()
    }
}

#[track_caller]
fn says(ran: &Ran, code: i32, parts: &[&str]) {
    let said = format!("{}{}", ran.out, ran.err);
    let missing: Vec<_> = parts.iter().filter(|part| !said.contains(**part)).collect();
    assert!(ran.code == Some(code) && missing.is_empty(), "code {code}, {missing:?}: {ran:?}");
}

/// Header, rows (one is there already, one cannot be read, one is refused by the vendor), and the corrected file.
const FILES: [(&str, &str, &str, &str); 3] = [
    (
        "partnerstack",
        "email,group,key,First Name\r\n",
        "jane@p.example,grp_agency,jane7,\"Jane, \"\"J\"\"\"\r\nada@partners.example,grp_affiliate,,\r\n,grp_agency,,\r\n\
         joe@p.example,grp_none,,\r\nkim@p.example,grp_agency\r\nlee@p.example,grp_agency,lee7,Lee\r\n",
        "joe@p.example,grp_agency,,\r\n",
    ),
    (
        "partnero",
        "\u{feff}Email;name;key;tag;tag\n",
        "jane@p.example;Jane;jane7;vip;new\namiraito@partners.example;Amira;;;\n;Nobody;;;\n\
         joe@p.example;Joe;amiraito;;\nkim@p.example;Kim\nlee@p.example;Lee;lee7;;\n",
        "joe@p.example;Joe;joe7;;\n",
    ),
    (
        "introw",
        "name\tdomain\ttier\n",
        "Jane Works\tjane.example\ttier_gold\nAlder Advisory\t\t\n\tnone.example\t\nJoe Works\tjoe.example\ttier_tin\n\
         Kim Works\nLee Works\tlee.example\t\n",
        "Joe Works\tjoe.example\ttier_gold\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_row_is_reported_and_a_second_run_sends_only_what_is_not_done() {
    for dialect in Dialect::ALL {
        for (vendor, header, rows, corrected) in FILES {
            let stage = Stage::of(vendor, dialect).await;
            stage.desk.write("people.csv", format!("{header}{rows}"));
            let dry = stage.desk.run(&format!("{IMPORT} --dry-run"));
            says(&dry, 1, &["row 2: would be added", "row 4: refused", "row 6: refused", "nothing was sent"]);
            assert_eq!(stage.logged("requests").await.len(), 0, "{vendor}");
            assert!(!stage.desk.path("people.report.csv").exists());

            let first = stage.desk.run(IMPORT);
            says(&first, 1, &["row 2: created", "row 3: exists", "row 4: refused", "row 5: refused", "row 7: created"]);
            says(&first, 1, &["row 6: refused", "cells, and the header has", "3 of 6 rows are not added"]);
            let report = stage.report();
            let told: Vec<_> = report.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
            assert_eq!(told, ["created", "exists", "refused", "refused", "refused", "created"], "{vendor}: {report:?}");
            assert!(report[0].len() > "2 created ".len(), "the vendor's key: {report:?}");
            let before = stage.posts().await;

            stage.desk.write("people.csv", format!("{header}{corrected}{rows}"));
            let again = stage.desk.run(&format!("{IMPORT} --json"));
            says(&again, 1, &[r#""row":2,"did":"created""#, "3 done before"]);
            // The refused row is tried again: it is sent, or by now the vendor has this address.
            let sent = if vendor == "introw" { 2 } else { 1 };
            assert_eq!(stage.posts().await, before + sent, "{vendor} {}: {again:?}", dialect.as_str());
            let rows: Vec<_> = stage.report().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
            assert_eq!(rows, ["2", "3", "4", "5", "6", "7", "8"], "{vendor}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_adds_nobody_twice() {
    for vendor in ["partnerstack", "partnero"] {
        let stage = Stage::of(vendor, Dialect::Current).await;
        let header = if vendor == "partnerstack" { "email,group" } else { "email,name" };
        stage.desk.write("people.csv", format!("{header}\njane@p.example,grp_agency\nlee@p.example,grp_agency\n"));
        stage.fault(json!({"kind": "reset_after", "method": "POST", "times": 1})).await;
        says(&stage.desk.run(IMPORT), 0, &["row 2: created", "the vendor has it", "row 3: created"]);
        assert_eq!((stage.with_address("jane@p.example"), stage.posts().await), (1, 2), "{vendor}");

        // It was not processed, which nobody can know.
        stage.desk.write("people.csv", format!("{header}\nmo@p.example,grp_agency\nno@p.example,grp_agency\n"));
        stage.fault(json!({"kind": "reset_before", "method": "POST", "times": 1})).await;
        says(&stage.desk.run(IMPORT), 1, &["row 2: unknown", "row 3: created", "1 of 2 rows are not added"]);
        says(&stage.desk.run(IMPORT), 1, &["row 2: unknown", "does not show it; import again after", "1 done before"]);
        assert_eq!((stage.with_address("mo@p.example"), stage.posts().await), (0, 4), "{vendor}: not sent again");
        let text = std::fs::read_to_string(stage.desk.path("people.report.csv")).unwrap();
        stage.desk.write("people.report.csv", text.replace(",20", ",19"));
        says(&stage.desk.run(IMPORT), 0, &["row 2: created"]);
        assert_eq!(
            (stage.with_address("mo@p.example"), stage.posts().await),
            (1, 5),
            "{vendor}: after the settling time"
        );
    }
    // Introw updates what is there, so a lost answer costs a repeat and nothing else.
    let stage = Stage::of("introw", Dialect::Current).await;
    stage.desk.write("people.csv", "name\nJane Works\n");
    stage.fault(json!({"kind": "reset_after", "method": "POST", "times": 1})).await;
    says(&stage.desk.run(IMPORT), 0, &["row 2: exists", "sent again, since the vendor updates what is there"]);
    let listed = stage.desk.run("partners list --json").well();
    assert_eq!(listed.lines().filter(|line| line.contains("Jane Works")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_may_have_been_added_waits_for_the_settling_time_even_if_it_is_corrected() {
    for vendor in ["partnerstack", "partnero"] {
        let stage = Stage::of(vendor, Dialect::Current).await;
        let header = if vendor == "partnerstack" { "email,group" } else { "email,name" };
        stage.desk.write("people.csv", format!("{header}\nmo@p.example,grp_agency\n"));
        stage.fault(json!({"kind": "reset_before", "method": "POST", "times": 1})).await;
        says(&stage.desk.run(IMPORT), 1, &["row 2: unknown"]);
        stage.desk.write("people.csv", format!("{header}\nmo@p.example,grp_reseller\n"));
        says(&stage.desk.run(IMPORT), 1, &["row 2: unknown", "does not show it; import again after"]);
        assert_eq!((stage.report(), stage.posts().await), (vec!["2 unknown ".to_owned()], 1), "{vendor}");
        let text = std::fs::read_to_string(stage.desk.path("people.report.csv")).unwrap();
        stage.desk.write("people.report.csv", text.replace(",20", ",19"));
        says(&stage.desk.run(IMPORT), 0, &["row 2: created"]);
        assert_eq!((stage.with_address("mo@p.example"), stage.posts().await), (1, 2), "{vendor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_ends_in_an_equals_sign_is_a_cell() {
    let stage = Stage::of("partnero", Dialect::Current).await;
    stage.desk.write("people.csv", "email,name\njane@p.example,\n");
    says(&stage.desk.run(IMPORT), 0, &["row 2: created"]);
    stage.desk.write("people.csv", "email,name\njane@p.example,Jane=\n");
    says(&stage.desk.run(IMPORT), 0, &["row 2: exists"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_row_adds_nobody_twice_and_two_runs_never_overlap() {
    let stage = Stage::of("partnero", Dialect::Current).await;
    stage.desk.write("people.csv", "email,name\njane@p.example,Jane\nlee@p.example,Lee\n");
    stage.fault(json!({"kind": "delay", "method": "POST", "delay_ms": 60_000, "times": 1})).await;
    let mut command = stage.desk.command(IMPORT);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while stage.report_is_at("sending").is_none() {
        assert!(begun.elapsed() < PATIENCE, "nothing is sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The request is on its way, or about to leave.
    while stage.posts().await == 0 {
        assert!(begun.elapsed() < PATIENCE, "nothing arrives");
    }
    says(&stage.desk.run(IMPORT), 1, &["another import of it is running"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stage.report(), ["2 sending "]);
    // The end of the machine may cut a line.
    let text = std::fs::read_to_string(stage.desk.path("people.report.csv")).unwrap();
    stage.desk.write("people.report.csv", format!("{text}3,\"cre"));
    says(&stage.desk.run(IMPORT), 0, &["row 2: exists", "row 3: created"]);
    assert_eq!((stage.with_address("jane@p.example"), stage.posts().await), (1, 2));
    assert_eq!(stage.report().len(), 2);
}

impl Stage {
    fn report_is_at(&self, word: &str) -> Option<()> {
        let text = std::fs::read_to_string(self.desk.path("people.report.csv")).ok()?;
        text.contains(word).then_some(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_waited_for_and_a_credential_or_an_empty_account_ends_the_import() {
    let stage = Stage::of("partnerstack", Dialect::Current).await;
    stage.desk.write("people.csv", "email,group\njane@p.example,grp_agency\nlee@p.example,grp_agency\n");
    stage.fault(json!({"kind": "status", "status": 429, "retry_after_s": 0, "method": "POST", "times": 1})).await;
    says(&stage.desk.run(IMPORT), 0, &["is limiting requests", "trying again now", "2 created"]);

    stage.desk.write("people.csv", "email,group\nmo@p.example,grp_agency\nno@p.example,grp_agency\n");
    stage.fault(json!({"kind": "status", "status": 401, "method": "POST", "times": 1})).await;
    let ran = stage.desk.run(IMPORT);
    says(&ran, 3, &["check the program's keys", "2 rows are left: run the same command again to go on"]);
    assert_eq!(stage.posts().await, 4, "the next row is not sent: {ran:?}");
    says(&stage.desk.run(IMPORT), 0, &["row 2: created", "row 3: created"]);

    let stage = Stage::of("introw", Dialect::Current).await;
    stage.desk.write("people.csv", "name\nJane Works\nLee Works\n");
    stage.control("introw/settings", json!({"credits_per_month": 0}).to_string()).await;
    says(&stage.desk.run(IMPORT), 4, &["API credits are used up", "2 rows are left"]);
    stage.control("introw/settings", json!({"credits_per_month": null}).to_string()).await;
    says(&stage.desk.run(IMPORT), 0, &["row 2: created", "row 3: created"]);
}

/// Introw's 429 names no time. A minute later it takes requests again.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_without_a_time_is_waited_for_a_minute() {
    let stage = Stage::of("introw", Dialect::Current).await;
    stage.desk.write("people.csv", "name\nJane Works\n");
    stage.control("introw/settings", json!({"rate_limit_per_minute": 0}).to_string()).await;
    for words in [IMPORT, "partners list"] {
        let mut command = stage.desk.command(words);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let told = lines.find(|line| line.contains("trying again in")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(told.contains("is limiting requests") && told.ends_with("trying again in 60 s"), "{words}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_meant_is_refused_before_anything_is_sent() {
    let stage = Stage::of("partnero", Dialect::Current).await;
    let files: [(&[u8], &str); 8] = [
        (b"email,nmae\na@p.example,A\n", "column `nmae` is no flag of `partners add` here; did you mean `name`?"),
        (b"name\nA\n", "column `email` is missing"),
        (b"email,email\na@p.example,b@p.example\n", "column `email` comes twice"),
        (b"email\n\"a@p.example\n", "the quote that begins on line 2 never ends"),
        (b"\xff\xfee\0m\0", "line 1 is not UTF-8"),
        (b"email,name\na@p.example,J\xf6\n", "line 2 is not UTF-8"),
        (b"", "is empty"),
        (b"email,password\na@p.example,Secret-123\n", "a command line is no place for a secret"),
    ];
    for (content, named) in files {
        stage.desk.write("people.csv", content);
        let ran = stage.desk.run(IMPORT);
        assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
        says(&ran, ran.code.unwrap(), &[named]);
        assert!(!format!("{ran:?}").contains("Secret-123"), "{ran:?}");
    }
    stage.desk.write("people.report.csv", "email\na@p.example\n");
    stage.desk.write("people.csv", "email\na@p.example\n");
    says(&stage.desk.run(IMPORT), 2, &["is no report of an import; name another file with --report"]);
    assert_eq!(stage.logged("requests").await.len(), 0);

    let stage = Stage::of("partnerize", Dialect::Current).await;
    says(&stage.desk.run(IMPORT), 2, &["unsupported by Partnerize", "partners join the network themselves"]);
}
