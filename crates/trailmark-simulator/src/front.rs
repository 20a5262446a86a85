//! `GET /`: a short page for the person who opens the simulator's address, with the links that lead to its parts and one
//! command each for a fault and for the clock. The whole list of routes stands in the documentation of this crate.
//!
//! It only tells. What it names is answered by `partnerstack`, `shop` and `control`.

use std::net::SocketAddr;

use http::{Method, StatusCode};

use crate::call::{Answer, Call};

/// Whether a call asks for the page.
pub(crate) fn asks(call: &Call) -> bool {
    call.path == "/" && matches!(call.method, Method::GET | Method::HEAD)
}

/// The page of a simulator that listens at `address` and whose links lead to `landing_url`.
pub(crate) fn answer(address: SocketAddr, landing_url: &str) -> Answer {
    let landing_url = escaped(landing_url);
    let page = format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Trailmark simulator</title>
<h1>A local double of PartnerStack</h1>
<p>For trying and for tests. It keeps nothing: who stops it has an empty one.</p>
<h2>Come by a partner’s link</h2>
<ul>
<li><a href="/partnerlinks/go/ada">/partnerlinks/go/ada</a>, <a href="/partnerlinks/go/grace">/partnerlinks/go/grace</a>:
  lead to {landing_url}
</ul>
<h2>See what it holds</h2>
<ul>
<li><a href="/control/state/partnerstack">/control/state/partnerstack</a>: customers, transactions, partners
<li><a href="/control/requests">/control/requests</a>: every call that came, and its answer
<li><a href="/control/effects">/control/effects</a>: how often each call was made, and how often it took effect
<li><a href="/shop/jwks.json">/shop/jwks.json</a>: the key with which the demo’s shop signs orders
</ul>
<h2>Make it fail</h2>
<p>The vendor is away, and asks for an hour of patience. <code>DELETE</code> at the same address ends every fault;
  <a href="/control/faults">/control/faults</a> shows those in force.</p>
<pre>curl http://{address}/control/faults -H 'Content-Type: application/json' \
  -d '{{"vendor":"partnerstack","kind":"status","status":503,"retry_after_s":3600}}'</pre>
<h2>Let time pass</h2>
<p>An hour. A proxy follows that was started with <code>--clock-url http://{address}/control/clock</code>;
  <a href="/control/clock">/control/clock</a> tells the time.</p>
<pre>curl http://{address}/control/clock -H 'Content-Type: application/json' -d '{{"advance_ms":3600000}}'</pre>
<h2>Where a proxy calls</h2>
<ul>
<li><code>base_url = "http://{address}/partnerstack"</code>, in dialect <code>guide</code>
  <code>"http://{address}/partnerstack-guide"</code>
<li><code>tracking_url = "http://{address}/partnerlinks"</code>
</ul>
</html>
"#
    );
    Answer::html(StatusCode::OK, page)
}

/// As the text of a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
