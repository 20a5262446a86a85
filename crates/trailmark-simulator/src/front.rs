//! `GET /`: the page at the simulator's address: a button for time, and for each vendor its partners' links, what it has,
//! and a button for a fault. The documentation of this crate lists all routes.
//!
//! The page only links, calls and shows; the doubles, `shop` and `control` answer. Its script reads the page again and
//! again, so that what a vendor has is drawn here alone.

use std::fmt::Write as _;

use http::{Method, StatusCode};

use crate::call::{Answer, Call};
use crate::double::{About, Double, Listing, Row};
use crate::world::World;

/// The style sheet; it is in the page, so that the simulator serves one file.
const STYLE: &str = include_str!("front/page.css");

/// The script of the buttons.
const SCRIPT: &str = include_str!("front/page.js");

/// The most rows of one list; the others are in the account's state.
const SHOWN: usize = 3;

/// Whether a call asks for the page.
pub(crate) fn asks(call: &Call) -> bool {
    call.path == "/" && matches!(call.method, Method::GET | Method::HEAD)
}

/// The page of a simulator.
pub(crate) fn answer(world: &World) -> Answer {
    let memory = if world.is_kept() {
        "The simulator keeps customers and sales in a file: after a restart it goes on with them."
    } else {
        "The simulator keeps everything in memory: after a restart it is empty."
    };
    let (address, landing_url) = (world.address(), escaped(world.landing_url()));
    let now_ms = world.clock.now_ms();
    let titles: Vec<&str> = world.doubles.iter().map(|double| double.about().title).collect();
    let titles = titles.join(", ");
    let account = world.doubles.first().map(|double| double.name()).unwrap_or_default();
    let vendors: String = world.doubles.iter().map(|double| vendor(double.as_ref(), now_ms)).collect();
    let entrances: String =
        world.doubles.iter().map(|double| entrances(&double.about(), &address.to_string())).collect();
    let page = format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Trailmark simulator</title>
<style>
{STYLE}</style>
<main>
<h1>Simulated vendors</h1>
<p>Local copies of {titles}. They answer as the vendors do, for trying and for tests. {memory}</p>
<section class="time">
<div>
<h2>Let time pass</h2>
<p>The demo’s proxy follows the simulator’s clock. What is due within the next hour happens now.</p>
</div>
<div>
<button type="button" id="time" disabled>Move time one hour forward</button>
<p role="status" id="time-said">Asking …</p>
</div>
</section>
<p>A partner’s link leads to <code>{landing_url}</code>. A vendor that fails answers every call with 503 and asks for an
  hour’s pause; no conversion is lost, since deliveries wait.</p>
<div class="vendors">
{vendors}</div>
<h2>What happened here</h2>
<ul>
<li><a href="/control/requests">Every call, with its answer</a>
<li><a href="/control/effects">How often each call was made, and how often it took effect</a>
<li><a href="/control/violations">Calls that no document of the vendor allows</a>
<li><a href="/control/faults">The faults in force</a>
<li><a href="/control/clock">The time</a>
<li><a href="/shop/jwks.json">The key with which the demo’s shop signs orders</a>
</ul>
<details>
<summary>The same from a terminal, and the addresses for a proxy</summary>
<p>An hour of failure; <code>DELETE</code> at the same address ends every fault:</p>
<pre>curl http://{address}/control/faults -H 'Content-Type: application/json' \
  -d '{{"vendor":"{account}","kind":"status","status":503,"retry_after_s":3600}}'</pre>
<p>One hour forward; a proxy follows if it was started with
  <code>--clock-url http://{address}/control/clock</code>:</p>
<pre>curl http://{address}/control/clock -H 'Content-Type: application/json' -d '{{"advance_ms":3600000}}'</pre>
<p>A proxy calls:</p>
<ul>
{entrances}</ul>
</details>
</main>
<script type="module">
{SCRIPT}</script>
</html>
"#
    );
    Answer::html(StatusCode::OK, page)
}

/// One vendor's part of the page.
fn vendor(double: &dyn Double, now_ms: i64) -> String {
    let (name, About { title, partners, .. }) = (double.name(), double.about());
    let links: Vec<String> =
        partners.iter().map(|(partner, path)| format!("<a href=\"{path}\">{partner}’s link</a>")).collect();
    let links = links.join(" ");
    let listings: String = double.listings(now_ms).iter().map(listing).collect();
    format!(
        r#"<section class="vendor" data-vendor="{name}" data-title="{title}" aria-labelledby="{name}-title">
<h2 id="{name}-title">{title}</h2>
<p class="links">{links}</p>
<div class="has" id="{name}-has">
{listings}</div>
<p><a href="/control/state/{name}">Everything that {title} has</a></p>
<button type="button" aria-pressed="false" disabled>Make {title} fail</button>
<p role="status">Asking …</p>
</section>
"#
    )
}

/// The number of things, and the newest.
fn listing(Listing { title, rows }: &Listing) -> String {
    let shown: String = rows.iter().take(SHOWN).map(row).collect();
    format!("<h3>{title} <span>{}</span></h3>\n<ul>\n{shown}</ul>\n", rows.len())
}

fn row(row: &Row) -> String {
    let mut text = format!("<li><code>{}</code>", escaped(&row.key));
    let parts = [("money", "", &row.money), ("", "by ", &row.partner), ("", "", &row.state), ("", "of ", &row.of)];
    for (class, word, part) in parts {
        if let Some(part) = part {
            // A string takes every write.
            let _ = write!(text, " <span class=\"{class}\">{word}{}</span>", escaped(part));
        }
    }
    text + "\n"
}

fn entrances(about: &About, address: &str) -> String {
    let entrance = |(setting, path): &(&str, &str)| {
        format!("<li>{}, <code>{setting}</code>: <code>http://{address}{path}</code>\n", about.title)
    };
    about.entrances.iter().map(entrance).collect()
}

/// `text` escaped for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
