//! The ledger view: pages that show what the ledger holds while it happens, and the history of one conversion under an
//! address of its own. Served without the key, since the files hold no data; the pages ask `v1` for them with the key that a
//! person types.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;

use crate::app::App;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Every file with its address and type.
const FILES: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("view/index.html")),
    ("/ledger/conversions/{id}", HTML, include_str!("view/conversion.html")),
    ("/view.css", CSS, include_str!("view/view.css")),
    ("/view.js", JS, include_str!("view/view.js")),
    ("/conversion.js", JS, include_str!("view/conversion.js")),
    ("/ask.js", JS, include_str!("view/ask.js")),
    ("/draw.js", JS, include_str!("view/draw.js")),
    ("/say.js", JS, include_str!("view/say.js")),
    ("/sums.js", JS, include_str!("view/sums.js")),
    ("/vendor.js", JS, include_str!("view/vendor.js")),
];

/// The files at their addresses.
pub(super) fn routes() -> Router<Arc<App>> {
    let with = |router: Router<Arc<App>>, (path, kind, text): (&str, &'static str, &'static str)| {
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], text) }))
    };
    FILES.into_iter().fold(Router::new(), with)
}
