//! An operator's partners, conversions, jobs and commissions; and the table of commands itself.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use trailmark_vendors::Dialect;
use trailmark_vendors::command::{Reply, Value};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::outcome::Outcome;

use super::{
    answer, answered, current, done, guide, lines, named, opened, page, recorded, report, settings, start, text, told,
};
use crate::NOW;

fn body(request: &str) -> Json {
    serde_json::from_str(request.split("\n\n").nth(1).unwrap()).unwrap()
}

fn texts(texts: &[&str]) -> Value {
    Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

const JOB: &str = "GET https://api.partnerize.com/v3/jobs/111111l77";

/// The answers to a bulk change whose job is shown like this afterwards.
fn begun(job: &str) -> [Answer; 2] {
    [answer(202, recorded!("202_job")), answer(200, job)]
}

/// The recorded job, with this status and that many failed changes.
fn job(status: &str, failed: u64) -> String {
    let mut body: Json = serde_json::from_str(recorded!("202_job")).unwrap();
    body["data"]["status"] = json!(status);
    body["data"]["item_error_count"] = json!(failed);
    body.to_string()
}

/// The same without its counts.
fn uncounted(status: &str) -> String {
    let mut body: Json = serde_json::from_str(&job(status, 0)).unwrap();
    body["data"].as_object_mut().unwrap().retain(|name, _| !name.starts_with("item_"));
    body.to_string()
}

/// Why the end of a change is unknown.
fn untold(reply: Result<Reply, Outcome>) -> String {
    match reply {
        Ok(Reply::Untold { why }) => why,
        other => panic!("it is told: {other:?}"),
    }
}

#[test]
fn the_partners_of_the_campaign_are_listed_and_unwrapped() {
    let ask = start(&current(), "partners list", "", &[]).unwrap();
    let (sent, reply) = answered(ask, &[answer(200, recorded!("200_publishers"))]);
    assert_eq!(lines(&sent), ["GET https://api.partnerize.com/campaign/10l176/publisher"]);
    let (items, next) = page(reply);
    assert_eq!(
        items,
        [
            r#"{"id":"111111l92","name":"Acme Blog","email":"blog@acme.example","status":"approved","network_status":"a","camref":"111111l5x"}"#,
            r#"{"id":"111111l93","name":"Beta","status":"pending","network_status":"a"}"#,
        ]
    );
    assert!(next.is_none());
    let ask = start(&guide(), "partners list", "", &[("status", text("pending"))]).unwrap();
    assert_eq!(page(answered(ask, &[answer(200, recorded!("200_publishers"))]).1).0.len(), 1);
}

#[test]
fn partners_go_on_where_the_vendor_says() {
    let next = "/campaign/10l176/publisher?limit=100&offset=100";
    let mut body: Json = serde_json::from_str(recorded!("200_publishers")).unwrap();
    body["hypermedia"] = json!({"pagination": {"next_page": next}});
    let ask = start(&current(), "partners list", "", &[]).unwrap();
    let followed = page(answered(ask, &[answer(200, &body.to_string())]).1).1.unwrap();
    assert!(followed.starts_with(&format!("GET https://api.partnerize.com{next}\n")), "{followed}");
    // The vendor's link may repeat the whole query; the keys are sent once, and an operator is not shown them.
    let query = opened(&settings(Dialect::Guide).with_text("auth", "query")).unwrap();
    let keys = "application_key=app_key_1234&user_api_key=user_key_5678";
    body["hypermedia"]["pagination"]["next_page"] = json!(format!("/campaign/10l176/publisher?{keys}&offset=100"));
    let ask = start(&query, "partners list", "", &[]).unwrap();
    let followed = page(answered(ask, &[answer(200, &body.to_string())]).1).1.unwrap();
    assert!(
        followed.starts_with(&format!("GET https://api.partnerize.com/campaign/10l176/publisher?offset=100&{keys}\n")),
        "{followed}"
    );
    for body in ["", "<html>", "{}", r#"{"publishers":[{"publisher_id":"1"}]}"#, r#"{"publishers":7}"#] {
        let ask = start(&current(), "partners list", "", &[]).unwrap();
        assert!(told(&answered(ask, &[answer(200, body)]).1.unwrap_err()).starts_with("unknown | "), "{body}");
    }
}

#[test]
fn one_partner_is_an_array_of_one() {
    let ask = start(&current(), "partners get", "111111l92", &[]).unwrap();
    let (sent, reply) = answered(ask, &[answer(200, recorded!("200_publishers"))]);
    assert_eq!(lines(&sent), ["GET https://api.partnerize.com/campaign/10l176/publisher/111111l92"]);
    assert_eq!(done(reply).get("name").unwrap(), "Acme Blog");
    let ask = start(&current(), "partners get", "111111l99", &[]).unwrap();
    assert!(answered(ask, &[answer(200, recorded!("200_publishers"))]).1.is_err(), "another partner is no answer");
    assert!(start(&current(), "partners get", "..", &[]).is_err());
}

#[test]
fn a_decision_about_a_partner_counts_once_the_partner_is_shown_with_it() {
    let decide = |verb: &str, answers: &[(u16, &str)]| {
        let answers: Vec<_> = answers.iter().map(|(status, body)| answer(*status, body)).collect();
        answered(start(&current(), &format!("partners {verb}"), "111111l92", &[]).unwrap(), &answers)
    };
    let (sent, reply) = decide("approve", &[(200, "{}"), (200, recorded!("200_publishers"))]);
    let path = "https://api.partnerize.com/campaign/10l176/publisher";
    assert_eq!(lines(&sent), [format!("POST {path}"), format!("GET {path}/111111l92")]);
    assert_eq!(body(&sent[0]), json!({"publishers": [{"publisher_id": "111111l92", "campaign_status": "a"}]}));
    assert_eq!(done(reply).get("status").unwrap(), "approved");
    let (sent, reply) = decide("reject", &[(200, "{}"), (200, recorded!("200_publishers"))]);
    assert_eq!(body(&sent[0])["publishers"][0]["campaign_status"], "r");
    let cure = "the vendor took the decision; before you repeat it, look with `trailmark partners get 111111l92`";
    assert_eq!(untold(reply), format!("{cure}; so far the partner is approved"));
    for (status, answer_body) in [(404, recorded!("400_v3")), (500, ""), (200, r#"{"publishers":[]}"#)] {
        let outcome = told(&decide("approve", &[(200, "{}"), (status, answer_body)]).1.unwrap_err());
        let word = if status == 404 { "retry | " } else { "unknown | " };
        assert!(outcome.starts_with(word), "{status}: the look alone failed: {outcome}");
    }
    for (status, answer_body) in [(200, ""), (200, "<html>"), (500, "")] {
        let (sent, reply) = decide("reject", &[(status, answer_body)]);
        assert!(told(&reply.unwrap_err()).starts_with("unknown | ") && sent.len() == 1, "{status} {answer_body}");
    }
    assert!(start(&current(), "partners approve", "..", &[]).is_err());
}

#[test]
fn a_bulk_change_names_conversions_in_one_way() {
    let approve = |flags: &[(&'static str, Value)]| start(&current(), "conversions approve", "", flags);
    for (input, member) in [("id", "conversions"), ("reference", "conversion_references"), ("item", "conversion_items")]
    {
        let ask = approve(&[(input, texts(&["1l1", "1l2"]))]).unwrap();
        let (sent, reply) = answered(ask, &begun(&job("complete", 0)));
        let bulk = "POST https://api.partnerize.com/v3/brand/campaigns/10l176/conversions/bulk";
        assert_eq!(lines(&sent), [bulk, JOB]);
        let value = json!({"status": "approved"});
        assert_eq!(body(&sent[0]), json!({member: {"1l1": value, "1l2": value}}));
        assert_eq!(
            serde_json::to_string(&done(reply)).unwrap(),
            r#"{"id":"111111l77","status":"complete","percent":0,"succeeded":0,"failed":0,"total":1,"created_at":"2026-11-21T08:00:00Z"}"#
        );
    }
    for flags in [vec![], vec![("id", texts(&["1l1"])), ("reference", texts(&["o_1"]))], vec![("id", texts(&[]))]] {
        assert!(approve(&flags).unwrap_err().to_string().contains("by one of these alone"));
    }
    let sent = answered(approve(&[("reference", texts(&["2026/1"]))]).unwrap(), &begun(&job("complete", 0))).0;
    assert!(body(&sent[0])["conversion_references"]["2026_2F1"].is_object(), "as a delivery spells it");
}

#[test]
fn a_rejection_has_a_reason_that_the_vendor_takes() {
    let reject =
        |reason: &str| start(&guide(), "conversions reject", "", &[("id", texts(&["1l1"])), ("reason", text(reason))]);
    let sent = answered(reject("returned: 2 of 3; #7").unwrap(), &begun(&job("complete", 0))).0;
    assert_eq!(
        body(&sent[0]),
        json!({"conversions": {"1l1": {"status": "rejected", "reason": "returned: 2 of 3; #7"}}})
    );
    for reason in ["zurück", "a/b", &"x".repeat(256)] {
        assert!(reject(reason).unwrap_err().to_string().starts_with("`reason` must have at most 255"));
    }
    let ask = start(&current(), "conversions reject", "", &[("id", texts(&["1l1"]))]).unwrap();
    let sent = answered(ask, &begun(&job("complete", 0))).0;
    assert!(body(&sent[0]).to_string().contains("rejected by the brand"));
    for (status, answer_body, expected) in [
        (202, "", "unknown"),
        (202, "{}", "unknown"),
        (400, recorded!("400_v3"), "rejected | status 400: Bad Request; [conversions]: Only one of"),
        (403, "<html>", "retry"),
        (500, "", "unknown"),
    ] {
        let reply = answered(reject("x").unwrap(), &[answer(status, answer_body)]).1;
        let outcome = told(&reply.unwrap_err());
        assert!(outcome.starts_with(expected), "{status}: {outcome}");
    }
}

#[test]
fn a_job_shows_how_far_it_is() {
    let complete = job("complete", 0).replace("_complete\":0", "_complete\":100");
    let shown = |body: &str| {
        let ask = start(&current(), "jobs get", "111111l77", &[]).unwrap();
        let (sent, reply) = answered(ask, &[answer(200, body)]);
        assert_eq!(lines(&sent), [JOB], "it is one look");
        reply
    };
    let record = done(shown(&complete));
    assert_eq!((record.get("status").unwrap(), record.get("percent").unwrap()), (&json!("complete"), &json!(100)));
    assert!(record.get("note").is_none());
    let record = done(shown(recorded!("202_job")));
    assert_eq!(record.get("note").unwrap(), "the job is not over: `trailmark jobs get 111111l77` looks again");
    assert!(start(&current(), "jobs get", ".", &[]).is_err());
}

#[test]
fn a_job_that_ends_with_failed_changes_is_an_error_that_says_what_to_do() {
    let approve = || start(&current(), "conversions approve", "", &[("reference", texts(&["o_9"]))]).unwrap();
    for (status, failed) in [("complete", 1), ("failed", 0)] {
        let body = job(status, failed);
        let get = start(&guide(), "jobs get", "111111l77", &[]).unwrap();
        for reply in [answered(approve(), &begun(&body)).1, answered(get, &[answer(200, &body)]).1] {
            let outcome = told(&reply.unwrap_err());
            let wanted = format!("rejected | job 111111l77 is {status}: {failed} of its changes failed, 0 succeeded; ");
            assert!(outcome.starts_with(&wanted) && outcome.contains("`trailmark commissions list`"), "{outcome}");
        }
    }
    let hidden = [answer(202, recorded!("202_job")), answer(404, &recorded!("400_v3").replace("400", "404"))];
    let outcome = told(&answered(approve(), &hidden).1.unwrap_err());
    assert!(outcome.starts_with("unknown | status 404: "), "the look alone is refused: {outcome}");
}

#[test]
fn a_job_that_is_over_without_a_count_of_failed_changes_is_no_success() {
    let ask = || start(&current(), "conversions approve", "", &[("reference", texts(&["o_9"]))]).unwrap();
    let get = || start(&guide(), "jobs get", "111111l77", &[]).unwrap();
    let both = |body: &str| [answered(ask(), &begun(body)).1, answered(get(), &[answer(200, body)]).1];
    for reply in both(&uncounted("complete")) {
        let why = untold(reply);
        assert!(why.starts_with("job 111111l77 is complete, and the vendor does not tell whether changes"), "{why}");
        assert!(why.contains("`trailmark commissions list`"), "{why}");
    }
    for reply in both(&uncounted("failed")) {
        let outcome = told(&reply.unwrap_err());
        assert!(outcome.contains("an unknown number of its changes failed, an unknown number succeeded"), "{outcome}");
    }
}

#[test]
fn the_status_of_a_job_is_shown_without_controls_and_addresses() {
    let strange = job("\u{1b}[2Jwaiting for ada@x.example", 0);
    let ask = start(&current(), "conversions approve", "", &[("id", texts(&["1l1"]))]).unwrap();
    let Reply::Later { next, .. } = (ask.read)(&answer(202, recorded!("202_job"))).unwrap() else {
        panic!("it is followed")
    };
    let Reply::Later { why, .. } = (next.read)(&answer(200, &strange)).unwrap() else { panic!("it is followed on") };
    let get = start(&current(), "jobs get", "111111l77", &[]).unwrap();
    let record = done(answered(get, &[answer(200, &strange)]).1);
    for shown in [why.as_str(), record.get("status").unwrap().as_str().unwrap()] {
        assert!(shown.contains("waiting for") && !shown.contains(['\u{1b}', '@']), "{shown}");
    }
}

#[test]
fn a_change_whose_job_is_not_over_after_a_minute_has_an_unknown_outcome_and_names_the_job() {
    let ask = start(&current(), "conversions approve", "", &[("id", texts(&["1l1"]))]).unwrap();
    let (mut ask, mut body, mut waits) = (ask, recorded!("202_job").to_owned(), Vec::new());
    let cure = "the vendor took the change as job 111111l77, so do not send it again: `trailmark jobs get 111111l77` \
                looks again";
    let end = loop {
        match (ask.read)(&answer(200, &body)) {
            Ok(Reply::Later { next, wait_s, why, taken }) => {
                assert!(why.starts_with("the vendor's job 111111l77 is "), "{why}");
                assert_eq!(taken, cure);
                waits.push(wait_s);
                (ask, body) = (next, job("active", 0));
            }
            end => break untold(end),
        }
    };
    assert_eq!((waits[0], waits.iter().sum::<u64>()), (0, 60), "{waits:?}");
    assert_eq!(end, format!("{cure}; after a minute it is active"));
}

#[test]
fn commissions_are_the_report_with_its_filters_and_pages() {
    let flags = [
        ("since", Value::Time(NOW)),
        ("until", Value::Time(NOW.plus(1000))),
        ("status", text("approved")),
        ("by", text("last_modified")),
        ("currency", text("EUR")),
        ("partner", text("111111l92")),
    ];
    let (sent, reply) =
        answered(start(&current(), "commissions list", "", &flags).unwrap(), &[answer(200, recorded!("200_report"))]);
    assert_eq!(
        lines(&sent),
        ["GET https://api.partnerize.com/reporting/report_advertiser/campaign/10l176/conversion.json\
          ?start_date=2026-11-21T08%3A00%3A00Z&end_date=2026-11-21T08%3A00%3A01Z&date_type=last_modified\
          &statuses%5B%5D=approved&currency%5B%5D=EUR&multipivot%5Bpublisher%5D%5B%5D=111111l92&include_payment_info=true"]
    );
    let (items, next) = page(reply);
    assert_eq!(
        items[1],
        r#"{"id":"111111l10","reference":"o_1001","partner":"111111l92","partner_name":"Acme Blog","status":"pending","currency":"EUR","amount_minor":2900,"commission_minor":290,"clickref":"1011lAbCdE","customer":"u_1","customer_type":"new","country":"DE","at":"2026-11-21 08:00:00"}"#
    );
    assert!(items.len() == 2 && next.is_none());
    let more = report(
        &[json!({"conversion_id": "1l1", "currency": "EUR", "conversion_value": {"publisher_commission": 2.9997}})],
        Some("/next?cursor_id=7"),
    );
    let ask = start(&guide(), "commissions list", "", &[("since", Value::Time(NOW))]).unwrap();
    let (items, next) = page(answered(ask, &[answer(200, &more)]).1);
    assert_eq!(items, [r#"{"id":"1l1","currency":"EUR","commission":"2.9997"}"#], "never rounded");
    let items = json!([{"item_status": "rejected"}, {"item_status": "approved"}, {"item_status": "approved"}]);
    let mixed = report(&[json!({"conversion_id": "1l1", "conversion_items": items})], None);
    let ask = start(&guide(), "commissions list", "", &[("since", Value::Time(NOW))]).unwrap();
    let (items, _) = page(answered(ask, &[answer(200, &mixed)]).1);
    assert_eq!(items, [r#"{"id":"1l1","status":"approved, rejected"}"#]);
    assert!(next.unwrap().starts_with("GET https://api.partnerize.com/next?cursor_id=7\n"));
}

#[test]
fn each_command_stands_once_in_its_dialect_and_its_table_is_whole() {
    for dialect in Dialect::ALL {
        let commands = named("partnerize").commands(dialect);
        let names: BTreeSet<_> = commands.iter().map(|command| (command.noun, command.verb)).collect();
        assert_eq!(names.len(), commands.len(), "no command twice");
        for command in commands {
            assert!(!command.summary.ends_with('.') && !command.columns.is_empty() && !command.calls.is_empty());
            let inputs: BTreeSet<_> = command.inputs.iter().map(|input| input.name).collect();
            assert_eq!(inputs.len(), command.inputs.len(), "{} {}", command.noun, command.verb);
            assert!(!command.columns.iter().any(|column| ["email", "name", "firstname", "lastname"].contains(column)));
        }
    }
    let everywhere: BTreeSet<_> = Dialect::ALL
        .iter()
        .map(|dialect| {
            let commands = named("partnerize").commands(*dialect);
            commands.iter().map(|command| (command.noun, command.verb)).collect::<BTreeSet<_>>()
        })
        .reduce(|all, names| all.intersection(&names).copied().collect())
        .unwrap();
    for lack in named("partnerize").lacking() {
        assert!(!everywhere.contains(&(lack.noun, lack.verb)), "{} {} is offered", lack.noun, lack.verb);
        assert!(lack.why.len() > 10);
    }
}

#[test]
fn a_command_of_the_other_dialect_is_not_offered() {
    let list = named("partnerize").commands(Dialect::Guide)[0];
    let refused = current().commands.unwrap().start(list, &trailmark_vendors::command::Values::default());
    assert!(refused.unwrap_err().to_string().contains("no such command"));
}
