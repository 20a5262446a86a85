//! `GET /`: the page at the simulator's address: one button for a fault, one for time, and links to the simulator's parts.
//! The documentation of this crate lists all routes.
//!
//! The page only links and calls; `partnerstack`, `shop` and `control` answer.

use std::net::SocketAddr;

use http::{Method, StatusCode};

use crate::call::{Answer, Call};

/// The style sheet; it is in the page, so that the simulator serves one file.
const STYLE: &str = include_str!("front/page.css");

/// The script of the two buttons.
const SCRIPT: &str = include_str!("front/page.js");

/// Whether a call asks for the page.
pub(crate) fn asks(call: &Call) -> bool {
    call.path == "/" && matches!(call.method, Method::GET | Method::HEAD)
}

/// The page of a simulator that listens at `address` and whose links lead to `landing_url`; `is_kept` where its state outlives it.
pub(crate) fn answer(address: SocketAddr, landing_url: &str, is_kept: bool) -> Answer {
    let memory = if is_kept {
        "It keeps its customers and sales in a file: after a restart it goes on with them."
    } else {
        "It keeps everything in memory: after a restart it is empty."
    };
    let landing_url = escaped(landing_url);
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
<h1>Simulator of PartnerStack</h1>
<p>It answers as PartnerStack does, for trying and for tests. {memory}</p>
<div class="doing">
<section>
<h2>Make it fail</h2>
<p>PartnerStack answers every call with 503 and asks for an hour’s pause. No conversion is lost: deliveries wait.</p>
<button type="button" id="fault" aria-pressed="false" disabled>Make PartnerStack fail</button>
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
<p><a href="/partnerlinks/go/ada">Ada’s link</a> and <a href="/partnerlinks/go/grace">Grace’s link</a> lead to
  <code>{landing_url}</code>.</p>
<h2>See what it has</h2>
<ul>
<li><a href="/control/state/partnerstack">Customers, transactions, partners</a>
<li><a href="/control/requests">Every call, with its answer</a>
<li><a href="/control/effects">How often each call was made, and how often it took effect</a>
<li><a href="/control/faults">The faults in force</a>
<li><a href="/control/clock">The time</a>
<li><a href="/shop/jwks.json">The key with which the demo’s shop signs orders</a>
</ul>
<details>
<summary>The same from a terminal, and the addresses for a proxy</summary>
<p>An hour of failure; <code>DELETE</code> at the same address ends every fault:</p>
<pre>curl http://{address}/control/faults -H 'Content-Type: application/json' \
  -d '{{"vendor":"partnerstack","kind":"status","status":503,"retry_after_s":3600}}'</pre>
<p>One hour forward; a proxy follows if it was started with
  <code>--clock-url http://{address}/control/clock</code>:</p>
<pre>curl http://{address}/control/clock -H 'Content-Type: application/json' -d '{{"advance_ms":3600000}}'</pre>
<p>A proxy calls <code>base_url = "http://{address}/partnerstack"</code>, in dialect <code>guide</code>
  <code>"http://{address}/partnerstack-guide"</code>, and
  <code>tracking_url = "http://{address}/partnerlinks"</code>.</p>
</details>
</main>
<script type="module">
{SCRIPT}</script>
</html>
"#
    );
    Answer::html(StatusCode::OK, page)
}

/// `text` escaped for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
