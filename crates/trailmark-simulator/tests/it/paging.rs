//! Lists to their end, in both directions and both dialects, and the parameters that are refused on the way.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{CURRENT, Double, GUIDE};

fn keys(page: &Value, name: &str) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

/// All partner keys of `current`, by the key of each page's last item, and how many pages it took.
async fn follow(double: &Double, query: &str) -> (Vec<String>, usize) {
    let (mut partners, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = double.get(&format!("{CURRENT}/partnerships?{query}{after}")).await.data();
        partners.extend(keys(&page, "partner_key"));
        pages += 1;
        if page["has_more"] == false {
            return (partners, pages);
        }
        after = format!("&starting_after={}", keys(&page, "key").last().unwrap());
    }
}

#[tokio::test]
async fn the_current_list_is_walked_by_the_key_of_the_last_item() {
    let double = Double::start().await;
    let (partners, pages) = follow(&double, "limit=10").await;
    assert_eq!((partners.len(), pages), (64, 7));
    // "the most recent partnerships appearing first" (reference/get_v2-partnerships-2).
    assert_eq!(partners[..2], ["kathleen", "joan"]);
    assert_eq!(follow(&double, "").await, (partners.clone(), 7));
    assert_eq!(follow(&double, "limit=64").await, (partners.clone(), 1));
    assert_eq!(follow(&double, "limit=250").await, (partners.clone(), 1));
    assert_eq!(follow(&double, "order_by=-created_at").await.0, partners);
    let (oldest_first, _) = follow(&double, "order_by=created_at").await;
    assert!(oldest_first.iter().eq(partners.iter().rev()));
    let distinct: std::collections::BTreeSet<_> = partners.iter().collect();
    assert_eq!(distinct.len(), 64);
    let lawful = |key: &String| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    assert!(partners.iter().all(lawful), "{partners:?}");
}

#[tokio::test]
async fn ending_before_gives_the_items_right_before_in_the_same_order() {
    let double = Double::start().await;
    let all = double.get(&format!("{CURRENT}/partnerships?limit=250")).await.data();
    let all = keys(&all, "key");
    let page = async |place: usize| {
        let path = format!("{CURRENT}/partnerships?limit=5&ending_before={}", all[place]);
        double.get(&path).await.data()
    };
    let middle = page(20).await;
    assert_eq!((keys(&middle, "key"), &middle["has_more"]), (all[15..20].to_vec(), &json!(true)));
    let start = page(3).await;
    assert_eq!((keys(&start, "key"), &start["has_more"]), (all[..3].to_vec(), &json!(false)));
    assert_eq!(keys(&page(0).await, "key"), Vec::<String>::new());
}

#[tokio::test]
async fn a_list_can_be_narrowed_by_time_of_creation() {
    let double = Double::start().await;
    let all = double.get(&format!("{CURRENT}/partnerships?limit=250")).await.data();
    let created = |place: usize| all["items"][place]["created_at"].as_i64().unwrap();
    let path = format!("{CURRENT}/partnerships?min_created={}&max_created={}", created(6), created(4));
    let page = double.get(&path).await.data();
    assert_eq!(keys(&page, "key"), keys(&all, "key")[4..7]);
}

#[tokio::test]
async fn groups_and_customers_are_lists_of_the_same_kind() {
    let double = Double::start().await;
    let groups = double.get(&format!("{CURRENT}/groups?limit=2")).await.data();
    assert_eq!((keys(&groups, "key").len(), &groups["has_more"]), (2, &json!(true)));
    for number in 0..12 {
        let customer = json!({
            "email": format!("a{number}@b.example"), "partner_key": "ada", "customer_key": format!("u_{number}"),
        });
        double.post(&format!("{CURRENT}/customers"), &customer).await.data();
    }
    let first = double.get(&format!("{CURRENT}/customers")).await.data();
    let last = keys(&first, "key").pop().unwrap();
    assert!(last.starts_with("cus_"));
    let second = double.get(&format!("{CURRENT}/customers?starting_after={last}")).await.data();
    assert_eq!(keys(&second, "customer_key"), ["u_1", "u_0"]);
    assert_eq!(second["has_more"], false);
}

#[tokio::test]
async fn parameters_out_of_range_unknown_or_at_odds_are_refused_by_name() {
    let double = Double::start().await;
    let cases = [
        (CURRENT, "limit=0", "limit"),
        (CURRENT, "limit=251", "limit"),
        (CURRENT, "limit=ten", "limit"),
        (CURRENT, "limit=", "limit"),
        (CURRENT, "limit=5&limit=6", "limit"),
        (CURRENT, "starting_after=part_nothing", "starting_after"),
        (CURRENT, "starting_after=ada", "starting_after"),
        (CURRENT, "ending_before=part_nothing", "ending_before"),
        (CURRENT, "starting_after=a&ending_before=b", "exclude"),
        (CURRENT, "order_by=name", "order_by"),
        (CURRENT, "min_created=yesterday", "min_created"),
        (CURRENT, "group_key=grp_agency", "group_key"),
        (CURRENT, "page=2", "page"),
        (GUIDE, "limit=101", "limit"),
        (GUIDE, "limit=0", "limit"),
        (GUIDE, "starting_after=part_x", "starting_after"),
        (GUIDE, "ending_before=x", "ending_before"),
        (GUIDE, "starting_after=cursor_%21", "starting_after"),
        (GUIDE, "page=2", "page"),
    ];
    for (base, query, named) in cases {
        let reply = double.get(&format!("{base}/partnerships?{query}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{base} {query}");
        assert!(reply.refusal().contains(named), "{base} {query}: {}", reply.refusal());
    }
    for path in ["groups", "transactions", "rewards"] {
        assert!(double.get(&format!("{GUIDE}/{path}?limit=101")).await.refusal().contains("limit"), "{path}");
        assert_eq!(double.get(&format!("{GUIDE}/{path}?limit=100")).await.status, StatusCode::OK, "{path}");
    }
    let reply = double.get(&format!("{CURRENT}/partnerships/ada?expand=group")).await;
    assert!(reply.refusal().contains("expand"));
}

#[tokio::test]
async fn the_guides_lists_are_walked_by_the_ending_cursor() {
    let double = Double::start().await;
    let mut partners = Vec::new();
    let mut after = String::new();
    let mut sizes = Vec::new();
    loop {
        let page = double.get(&format!("{GUIDE}/partners{after}")).await.data();
        let names = keys(&page, "key");
        sizes.push(names.len());
        partners.extend(names);
        if page["has_more"] == false {
            break;
        }
        after = format!("?starting_after={}", page["ending_cursor"].as_str().unwrap());
    }
    assert_eq!((partners.len(), sizes), (64, vec![25, 25, 14]));
    assert_eq!(partners[..2], ["ada", "grace"]);
}

#[tokio::test]
async fn the_guides_partnerships_are_narrowed_by_group_and_end_without_a_cursor() {
    let double = Double::start().await;
    let first = double.get(&format!("{GUIDE}/partnerships?group_key=grp_agency&limit=20")).await.data();
    assert_eq!(first["has_more"], true);
    let cursor = first["ending_cursor"].as_str().unwrap();
    let path = format!("{GUIDE}/partnerships?group_key=grp_agency&limit=20&starting_after={cursor}");
    let second = double.get(&path).await.data();
    assert_eq!((&second["has_more"], second.get("ending_cursor")), (&json!(false), None));
    let items = [first, second].map(|page| page["items"].as_array().unwrap().clone()).concat();
    assert_eq!(items.len(), 21);
    assert!(items.iter().all(|item| item["group_key"] == "grp_agency" && item.as_object().unwrap().len() == 3));
    assert_eq!(double.get(&format!("{GUIDE}/partnerships?group_key=grp_x")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn transactions_are_listed_newest_first_from_a_point_on_and_deleted_ones_are_gone() {
    let double = Double::start().await;
    let customer = json!({ "email": "a@b.example", "partner_key": "ada", "customer_key": "u_1" });
    double.post(&format!("{CURRENT}/customers"), &customer).await.data();
    let path = format!("{CURRENT}/transactions");
    for (key, created_at) in [("order_1", 1_000), ("order_3", 3_000), ("order_2", 2_000)] {
        let body = json!({ "customer_external_key": "u_1", "amount": 5, "currency": "EUR", "key": key, "created_at": created_at });
        double.post(&path, &body).await.data();
    }
    let listed = async |query: &str| {
        let page = double.get(&format!("{path}?{query}")).await.data();
        (keys(&page, "key"), page["has_more"] == true)
    };
    let all = ["order_3", "order_2", "order_1"].map(str::to_owned).to_vec();
    assert_eq!(listed("").await, (all.clone(), false));
    assert_eq!(listed("min_created=2000").await, (all[..2].to_vec(), false));
    assert_eq!(listed("limit=1").await, (all[..1].to_vec(), true));
    assert_eq!(listed("limit=2&starting_after=order_3").await, (all[1..].to_vec(), false));
    assert_eq!(listed("order_by=created_at").await.0, ["order_1", "order_2", "order_3"]);
    double.api("DELETE", &format!("{path}/order_2")).send().await.data();
    assert_eq!(listed("min_created=2000").await, (all[..1].to_vec(), false));
    assert_eq!(double.get(&format!("{path}/order_3")).await.status, StatusCode::NOT_FOUND, "one alone is not read");
}
