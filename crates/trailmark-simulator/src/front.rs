//! `GET /`: the page at the simulator's address: one button for a fault, one for time, and links to the simulator's parts.
//! The documentation of this crate lists all routes.
//!
//! The page only links and calls; the doubles, `shop` and `control` answer. Its fault is one of the first double.

use http::{Method, StatusCode};

use crate::call::{Answer, Call};
use crate::double::About;
use crate::world::World;

/// The style sheet; it is in the page, so that the simulator serves one file.
const STYLE: &str = include_str!("front/page.css");

/// The script of the two buttons.
const SCRIPT: &str = include_str!("front/page.js");

/// Whether a call asks for the page.
pub(crate) fn asks(call: &Call) -> bool {
    call.path == "/" && matches!(call.method, Method::GET | Method::HEAD)
}

/// The page of a simulator.
pub(crate) fn answer(world: &World) -> Answer {
    let memory = if world.is_kept() {
        "It keeps its customers and sales in a file: after a restart it goes on with them."
    } else {
        "It keeps everything in memory: after a restart it is empty."
    };
    let (address, landing_url) = (world.address(), escaped(world.landing_url()));
    let all: Vec<About> = world.doubles.iter().map(|double| double.about()).collect();
    let titles = all.iter().map(|about| about.title).collect::<Vec<_>>().join(", ");
    let title = all.first().map(|about| about.title).unwrap_or_default();
    let account = world.doubles.first().map(|double| double.name()).unwrap_or_default();
    let partners: String = all.iter().map(arrivals).collect();
    let states: String = world.doubles.iter().zip(&all).map(|(double, about)| state(double.name(), about)).collect();
    let entrances: String = all.iter().map(|about| entrances(about, &address.to_string())).collect();
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
<main data-account="{account}" data-title="{title}">
<h1>Simulator of {titles}</h1>
<p>It answers as the vendor does, for trying and for tests. {memory}</p>
<div class="doing">
<section>
<h2>Make it fail</h2>
<p>{title} answers every call with 503 and asks for an hour’s pause. No conversion is lost: deliveries wait.</p>
<button type="button" id="fault" aria-pressed="false" disabled>Make {title} fail</button>
<p role="status" id="fault-said">Asking …</p>
</section>
<section>
<h2>Let time pass</h2>
<p>The demo’s proxy follows the simulator’s clock. What is due within the next hour happens now.</p>
<button type="button" id="time" disabled>Move time one hour forward</button>
<p role="status" id="time-said">Asking …</p>
</section>
</div>
<h2>Arrive by a partner’s link</h2>
<p>Each leads to <code>{landing_url}</code>.</p>
<ul>
{partners}</ul>
<h2>See what it has</h2>
<ul>
{states}<li><a href="/control/requests">Every call, with its answer</a>
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

fn arrivals(about: &About) -> String {
    let link = |(name, path): &(&str, &str)| format!("<li><a href=\"{path}\">{name}’s link</a>, {}\n", about.title);
    about.partners.iter().map(link).collect()
}

fn state(name: &str, about: &About) -> String {
    format!("<li><a href=\"/control/state/{name}\">What {} has: customers, sales, partners</a>\n", about.title)
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
