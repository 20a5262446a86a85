//! The ledger view: one page that shows what the ledger holds while it happens. Served without the key, since the files hold
//! no data; the page asks `v1` for them with the key that a person types.

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

pub(super) async fn page() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("view/index.html"))
}

pub(super) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("view/view.css"))
}

pub(super) async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("view/view.js"))
}
