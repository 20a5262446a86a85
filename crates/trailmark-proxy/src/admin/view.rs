//! The ledger view: pages that show the ledger live, and the history of one conversion at its own address. The files
//! need no key, because they hold no data; the pages read `v1` with the key that the operator enters.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;

use crate::app::App;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// All files with address and type.
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

/// The routes of the files.
pub(super) fn routes() -> Router<Arc<App>> {
    let with = |router: Router<Arc<App>>, (path, kind, text): (&str, &'static str, &'static str)| {
        router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], text) }))
    };
    FILES.into_iter().fold(Router::new(), with)
}
