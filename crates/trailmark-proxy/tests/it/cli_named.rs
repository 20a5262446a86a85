//! Finding conversions by people's names for them: the merchant's keys of customer and order, and the partner.
//! Through the binary, with and without a running proxy.

use serde_json::{Value, json};

use super::money_operator::held_sale;
use super::support::operator::{Desk, Office};

/// In id order, because these tests' clock stands still.
fn ids(rows: &Value) -> Vec<&str> {
    let mut ids: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// Asks the running proxy, then the ledger itself.
async fn asked_twice(office: Office, ask: impl Fn(&Desk)) {
    ask(&office.desk);
    let (desk, _proxy) = office.close().await;
    ask(&desk);
}

#[tokio::test(flavor = "multi_thread")]
async fn conversions_are_listed_by_customer_key_and_partner() {
    let office = Office::locked().await;
    let (first, second) = (office.signup(1).await, office.signup(2).await);
    let sale = held_sale(&office, 3).await;
    asked_twice(office, |desk| {
        let listed = |flags: &str| desk.run(&format!("conversions list --json {flags}")).json();
        assert_eq!(ids(&listed("--customer u_1")), [&first]);
        assert_eq!(ids(&listed("--customer c1")), [&sale], "a sale is its customer's");
        assert_eq!(ids(&listed("--key u_2")), [&second]);
        assert_eq!(ids(&listed("--key o3")), [&sale]);
        let mut both = [first.as_str(), second.as_str()];
        both.sort_unstable();
        assert_eq!(ids(&listed("--partner ada --status accepted")), both);
        for nobody in ["--customer u_9", "--key u_", "--partner grace", "--key u_1 --customer u_2", "--key a&limit=1"] {
            assert_eq!(listed(nobody), json!([]), "{nobody}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn show_and_explain_take_the_merchants_own_key() {
    let office = Office::locked().await;
    let (first, sale) = (office.signup(1).await, held_sale(&office, 3).await);
    asked_twice(office, |desk| {
        let named =
            |name: &str| desk.run(&format!("conversions show {name} --json")).json()["conversion"]["id"].clone();
        assert_eq!([named("u_1"), named("o3"), named("c1")], [json!(first), json!(sale), json!(sale)]);
        let shown = desk.run("conversions show u_1").well();
        assert!(shown.contains("credited    nobody yet; would be ada (main)") && !shown.contains("more:"), "{shown}");
        assert!(shown.starts_with("Waiting: "), "{shown}");
        let told = desk.run("conversions explain o3").well();
        for part in ["Sale of order o3, 19.90 EUR, of customer c1", "Credited: nobody yet; would be ada (main)."] {
            assert!(told.contains(part), "{part} in {told}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_under_a_key_the_one_that_stands_is_told_and_the_others_are_named() {
    let office = Office::locked().await;
    let id = office.signup(1).await;
    office.signup_of(2, "u_1").await;
    asked_twice(office, |desk| {
        let told = desk.run("conversions explain u_1").well();
        assert!(told.contains(&id) && told.contains("1 more: `trailmark conversions list --key u_1`"), "{told}");
        let list = desk.run("conversions list --key u_1").well();
        let line = |status: &str| list.lines().find(|line| line.contains(status)).unwrap().to_owned();
        assert!(line("accepted, due").contains("  ada  ") && line("duplicate").contains("  -  "), "{list}");
        let other = desk.run("conversions list --key u_1 --status duplicate --json").json();
        let told = desk.run(&format!("conversions explain {}", ids(&other)[0])).well();
        let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains(&format!("conversion {id} of ")) && words.contains("attributed to ada (main)"),
            "{told}"
        );
    })
    .await;
}

// field-faults row 57
#[tokio::test(flavor = "multi_thread")]
async fn a_conversion_is_found_by_the_customers_address_and_several_are_listed() {
    let office = Office::locked().await;
    let id = office.signup(1).await;
    asked_twice(office, |desk| {
        for name in ["ada@example.com", "Ada@Example.COM", "ada"] {
            let told = desk.run(&format!("conversions explain {name}")).well();
            assert!(told.contains(&id) && !told.contains('@'), "{told}");
            assert_eq!(desk.run(&format!("conversions show {name} --json")).json()["conversion"]["id"], json!(id));
            assert_eq!(ids(&desk.run(&format!("conversions list {name} --json")).json()), [&id]);
        }
    })
    .await;
    let office = Office::locked().await;
    let two = [office.signup(1).await, office.signup(2).await];
    asked_twice(office, |desk| {
        let listed = desk.run("conversions explain ada@example.com").well();
        assert!(listed.starts_with("2 conversions match. Name one by its id:"), "{listed}");
        assert!(two.iter().all(|id| listed.contains(&id[..18])), "{listed}");
        assert_eq!(desk.run("conversions explain ada@example.com --json").json().as_array().unwrap().len(), 2);
    })
    .await;
}

// field-faults row 80
#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_to_its_end_and_begins_and_ends_where_it_is_told_to() {
    let office = Office::locked().await;
    let first = office.signup(1).await;
    office.proxy.clock.advance(60_000);
    let between = office.proxy.now().to_rfc3339();
    let rest = [office.signup(2).await, office.signup(3).await];
    asked_twice(office, |desk| {
        let listed = |flags: &str| desk.run(&format!("conversions list --json {flags}")).json();
        assert_eq!(ids(&listed(&format!("--until {between}"))), [&first]);
        assert_eq!(listed(&format!("--since {between}")).as_array().unwrap().len(), rest.len());
        assert_eq!(listed("--limit all").as_array().unwrap().len(), 3);
        assert_eq!(listed("--limit 5000").as_array().unwrap().len(), 3);
        let cut = desk.run("conversions list --limit 2");
        assert!(cut.err.contains("2 rows shown; there are more: `--limit all`"), "{cut:?}");
        let csv = desk.run("conversions list --csv").well();
        assert_eq!((csv.matches("\r\n").count(), csv.starts_with("received_at,id,")), (4, true), "{csv}");
        assert_eq!(desk.run("conversions list --csv --limit 1").well().matches("\r\n").count(), 2);
    })
    .await;
}
