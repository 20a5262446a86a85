//! What a vendor takes without an error and credits nobody with. Each is provoked through proxy and double, is told in
//! the backend's receipt, in `conversions show`, in `conversions explain` and in the ledger view, and counts nowhere as
//! a success.

use serde_json::{Value, json};
use trailmark_proxy::store::operator::DeliveryRow;
use trailmark_simulator::{
    INTROW_API_KEY, PARTNERIZE_APPLICATION_KEY, PARTNERIZE_CAMPAIGN, PARTNERIZE_USER_API_KEY, PARTNERO_API_KEY,
    PRIVATE_KEY, PUBLIC_KEY, TRACKING_TOKEN,
};
use trailmark_wire::time::UnixMillis;

use super::support::browser::{arrival, token};
use super::support::operator::Desk;
use super::support::proxy::ORIGIN;
use super::webhooks_town::{Town, double};

/// Longer than a vendor takes to show what it has.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// One vendor's silent answer.
struct Silent {
    vendor: &'static str,
    title: &'static str,
    /// The program's settings besides its roots.
    settings: &'static str,
    /// The query of the link that the visitor followed.
    landing: &'static str,
    /// What is ordered at the double after the visitor's signup was recorded, so that the sale is answered silently;
    /// without it the signup is.
    before_sale: &'static [(&'static str, &'static str)],
    /// Why nobody is credited.
    why: &'static str,
    /// Sends until the proxy believes it.
    sends: usize,
    /// A part of the path of a send.
    path: &'static str,
    /// The list of the vendor's state that would have what was reported, and how many it has.
    kept: (&'static str, usize),
}

const PARTNERIZE: Silent = Silent {
    vendor: "partnerize",
    title: "Partnerize",
    settings: "application_key = \"env:APPLICATION\"\nuser_api_key = \"env:USER\"\ncampaign_id = \"env:CAMPAIGN\"",
    landing: "clickref=nobodys",
    before_sale: &[],
    why: "no conversion id, so the vendor recorded nothing",
    sends: 1,
    path: "tracking_mode:api",
    kept: ("conversions", 0),
};

const SILENT: [Silent; 4] = [
    // Success with an empty body, and no customer ever.
    Silent {
        vendor: "partnerstack",
        title: "PartnerStack",
        settings: "public_key = \"env:PUBLIC\"\nprivate_key = \"env:PRIVATE\"\ntracking_token = \"env:TRACKING\"",
        landing: "ps_xid=nobodys",
        before_sale: &[],
        why: "accepted 3 times, and nothing was found after the settling time",
        sends: 3,
        path: "conversion/xid",
        kept: ("customers", 0),
    },
    PARTNERIZE,
    // 200 `ignored`.
    Silent {
        vendor: "introw",
        title: "Introw",
        settings: "api_key = \"env:INTROW\"",
        landing: "irw_id=nobodys.token",
        before_sale: &[],
        why: "the vendor ignored it: the click token is unknown, invalid or expired",
        sends: 1,
        path: "affiliate/conversions",
        kept: ("conversions", 0),
    },
    // The vendor keeps a sale of an unknown customer, for nobody.
    Silent {
        vendor: "partnero",
        title: "Partnero",
        settings: "api_key = \"env:PARTNERO\"",
        landing: "aff=amiraito",
        before_sale: &[("partnero/settings", r#"{"orphan_sales":true}"#), ("partnero/customers/u_1/delete", "{}")],
        why: "the vendor credits nobody with it, so no commission will follow",
        sends: 1,
        path: "v1/transactions",
        kept: ("transactions", 1),
    },
];

/// A site with one program of the vendor, and its operator.
struct Shop {
    town: Town,
    desk: Desk,
}

impl Shop {
    async fn open(of: &Silent) -> Self {
        let double = double().await;
        let address = double.address();
        let tracking = match of.vendor {
            "partnerstack" => format!("tracking_url = \"http://{address}/partnerlinks\""),
            "partnerize" => format!("tracking_url = \"http://{address}/prf\""),
            _ => String::new(),
        };
        let (vendor, settings) = (of.vendor, of.settings.replace("env:CAMPAIGN", PARTNERIZE_CAMPAIGN));
        let sites = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\npublic_url = \"{ORIGIN}\"\n\
             [[sites]]\nid = \"acme\"\norigins = [\"{ORIGIN}\"]\n\
             [[sites.programs]]\nid = \"main\"\nvendor = \"{vendor}\"\n{settings}\n\
             base_url = \"http://{address}/{vendor}\"\n{tracking}\n"
        );
        let mut variables: Vec<_> = [
            ("PUBLIC", PUBLIC_KEY),
            ("PRIVATE", PRIVATE_KEY),
            ("TRACKING", TRACKING_TOKEN),
            ("APPLICATION", PARTNERIZE_APPLICATION_KEY),
            ("USER", PARTNERIZE_USER_API_KEY),
            ("INTROW", INTROW_API_KEY),
            ("PARTNERO", PARTNERO_API_KEY),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec();
        let town = Town::of(double, &sites, &variables).await;
        variables.push(("TRAILMARK_SERVER_ADMIN_LISTEN", town.operator.address().to_string()));
        variables.push(("TRAILMARK_STORE_URL", format!("sqlite:{}", town.proxy.ledger().display())));
        Self { desk: Desk::with(&sites, variables), town }
    }

    /// A visitor who follows the link.
    async fn visit(&self, query: &str) -> String {
        token(&self.town.proxy.post("v1/clicks", arrival(1, &format!("{ORIGIN}/?{query}")).to_string()).await)
    }

    /// The signup or the sale of that visitor.
    async fn report(&self, kind: &str, click_token: &str) -> String {
        let customer = json!({ "key": "u_1", "email": "u_1@customers.example" });
        let mut body = json!({ "kind": kind, "customer": customer, "click_token": click_token });
        if kind == "sale" {
            body["order"] = json!({ "key": "o_1", "amount_minor": 4900, "currency": "EUR" });
        }
        self.town.report(kind, &body).await
    }

    /// Moves time from due time to due time until the delivery is in this state.
    async fn until(&self, id: &str, state: &str) -> DeliveryRow {
        let ahead = |row: &DeliveryRow| {
            let due_at = row.due_at.as_deref().map(|at| UnixMillis::from_rfc3339(at).unwrap());
            due_at.map_or(0, |at| at.since(self.town.proxy.now()))
        };
        loop {
            let row = self.town.until(id, |row| row.state == state || ahead(row) > 0).await;
            if row.state == state {
                return row;
            }
            self.pass(ahead(&row)).await;
        }
    }

    async fn pass(&self, ms: i64) {
        self.town.control("POST", "clock", &json!({ "advance_ms": ms })).await;
        self.town.proxy.clock.advance(ms);
    }

    /// Number of sends at the vendor.
    async fn sends(&self, of: &Silent) -> usize {
        let log = self.town.control("GET", &format!("requests?path={}", of.path), &Value::Null).await;
        log["requests"].as_array().unwrap().iter().filter(|one| one["method"] == "POST").count()
    }

    /// What the vendor has of what was reported.
    async fn kept(&self, of: &Silent) -> Vec<Value> {
        let state = self.town.control("GET", &format!("state/{}", of.vendor), &Value::Null).await;
        state[of.kept.0].as_array().unwrap().clone()
    }

    /// An answer of the operator's listener.
    async fn operator(&self, path: &str) -> String {
        let url = format!("http://{}/{path}", self.town.operator.address());
        let answer = self.town.proxy.send(self.town.proxy.http.get(url)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    async fn view(&self, path: &str) -> Value {
        serde_json::from_str(&self.operator(path).await).unwrap()
    }
}

/// The words of a text that is wrapped for a terminal.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_answer_of_any_vendor_is_told_everywhere_and_counts_nowhere_as_a_success() {
    for of in &SILENT {
        let shop = Shop::open(of).await;
        let visitor = shop.visit(of.landing).await;
        let is_sale = !of.before_sale.is_empty();
        if is_sale {
            let signup = shop.report("signup", &visitor).await;
            shop.until(&signup, "recorded").await;
        }
        for (path, body) in of.before_sale {
            shop.town.control("POST", path, &serde_json::from_str(body).unwrap()).await;
        }
        let id = shop.report(if is_sale { "sale" } else { "signup" }, &visitor).await;
        let row = shop.until(&id, "ignored").await;
        is_told(&shop, of, &id, &row).await;
        is_no_success(&shop, of, &id, is_sale).await;
        if let Some(due_at) = &row.due_at {
            // It is read back, and nothing is sent.
            shop.pass(UnixMillis::from_rfc3339(due_at).unwrap().since(shop.town.proxy.now())).await;
            let row = shop.town.until(&id, |row| row.due_at != Some(due_at.clone())).await;
            assert_eq!(row.state, "ignored", "{row:#?}");
        }
        let kept = shop.kept(of).await;
        assert!(kept.iter().all(|one| one["partner_key"].is_null()), "{kept:#?}");
        assert_eq!((kept.len(), shop.sends(of).await), (of.kept.1, of.sends), "{}", of.title);
    }
}

/// Receipt, `conversions show`, `conversions explain` and ledger view say what happened; the last three say what to do.
async fn is_told(shop: &Shop, of: &Silent, id: &str, row: &DeliveryRow) {
    let receipt = shop.town.proxy.read_back(&shop.town.key, id).await.json();
    let delivery = &receipt["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["commission"]), (&json!("ignored"), &json!("unknown")), "{receipt:#}");
    assert!(delivery["reason"].as_str().unwrap().contains(of.why), "{receipt:#}");

    let history = shop.view(&format!("v1/conversions/{id}/history")).await;
    let answer = &history["answer"];
    assert_eq!((&answer["headline"], &answer["tone"]), (&json!("Not paid"), &json!("bad")), "{history:#}");
    let head = format!("{} {}", answer["reason"].as_str().unwrap(), answer["cure"].as_str().unwrap());
    let story = history["sections"].to_string();
    let show = words(&shop.desk.run(&format!("conversions show {id}")).well());
    let explain = words(&shop.desk.run(&format!("conversions explain {id}")).well());
    let so_far = if row.due_at.is_some() { "so far " } else { "" };
    for (place, text) in [("view", &head), ("history", &story), ("show", &show), ("explain", &explain)] {
        for part in [
            format!("{} accepted it and {so_far}credits nobody", of.title),
            of.why.to_owned(),
            format!("Look at {} for the cause", of.title),
            format!("`trailmark outbox retry {}`", row.id),
            format!("`trailmark outbox resolve {} --as recorded", row.id),
            format!("`trailmark outbox drop {}", row.id),
        ] {
            assert!(text.contains(&part), "{}, {place}: {part}\n{text}", of.title);
        }
    }
    for text in [&show, &explain] {
        assert!(text.contains("Not paid:") && text.contains("nobody; would have been"), "{text}");
    }
}

/// Neither metrics nor sums nor lists count it among what the vendor has, and the view says that it needs somebody.
async fn is_no_success(shop: &Shop, of: &Silent, id: &str, is_sale: bool) {
    let metrics = shop.operator("metrics").await;
    for line in [
        format!("trailmark_deliveries{{state=\"recorded\"}} {}", u8::from(is_sale)),
        "trailmark_deliveries{state=\"ignored\"} 1".to_owned(),
        "trailmark_lane_stuck{program=\"main\"} 1".to_owned(),
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "{}: {line}\n{metrics}", of.title);
    }
    let sums = shop.view("v1/sums").await;
    let sale = json!({ "recorded_minor": "0", "stopped_minor": "4900", "paid_minor": "0" });
    for row in sums["rows"].as_array().unwrap() {
        for (name, amount) in sale.as_object().unwrap() {
            assert_eq!(row[name], *amount, "{name}: {sums:#}");
        }
    }
    assert_eq!(sums["rows"].as_array().unwrap().len(), usize::from(is_sale), "{sums:#}");
    let troubles = shop.view("v1/troubles").await;
    let trouble = troubles.as_array().unwrap().iter().find(|one| one["list"]["deliveries"] == "ignored");
    assert_eq!(trouble.unwrap()["tone"], "bad", "{troubles:#}");
    let list = shop.view(&format!("v1/conversions?q={id}")).await;
    assert_eq!(list["items"][0]["answer"]["tone"], "bad", "{list:#}");
    let open = shop.desk.run("outbox list --json").json();
    assert_eq!(open["deliveries"][0]["state"], "ignored", "{open:#}");
}

/// Partnerize recorded the conversion, and its answer was empty nevertheless.
async fn seemingly_ignored() -> (Shop, String, DeliveryRow) {
    let shop = Shop::open(&PARTNERIZE).await;
    shop.town.control("POST", "partnerize/settings", &json!({ "answers_id": false, "dedupe": false })).await;
    let click = shop.town.control("POST", "partnerize/clicks", &json!({})).await;
    let visitor = shop.visit(&format!("clickref={}", click["clickref"].as_str().unwrap())).await;
    let id = shop.report("signup", &visitor).await;
    let row = shop.until(&id, "ignored").await;
    (shop, id, row)
}

#[tokio::test]
async fn what_seemed_to_be_ignored_is_recorded_once_the_vendor_shows_it() {
    let (shop, id, _) = seemingly_ignored().await;
    let row = shop.until(&id, "recorded").await;
    assert!(row.reference.is_some(), "{row:#?}");
    assert_eq!((shop.kept(&PARTNERIZE).await.len(), shop.sends(&PARTNERIZE).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_seemed_to_be_ignored_is_looked_up_before_an_operator_sends_it_again() {
    let (shop, id, row) = seemingly_ignored().await;
    let retried = shop.desk.run(&format!("outbox retry {}", row.id)).well();
    assert!(retried.contains("uncertain"), "{retried}");
    let row = shop.until(&id, "recorded").await;
    assert!(row.reference.is_some(), "{row:#?}");
    shop.pass(HOUR_MS).await;
    assert_eq!((shop.kept(&PARTNERIZE).await.len(), shop.sends(&PARTNERIZE).await), (1, 1), "and nothing twice");
}
