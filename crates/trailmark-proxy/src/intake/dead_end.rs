//! The answer to a refused link. A browser gets a short page with a link to the site, a program gets
//! [`super::problem`]'s document. The page has fixed texts and a URL from the site's configuration, nothing from the
//! request. [`super::links`] decides on refusals.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, VARY};

use super::problem::Problem;
use crate::config::{RedirectTo, Site};

/// The page needs no script, no image and nothing external.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The answer: a page if `headers` ask for HTML, with a link to `site`, otherwise to this host's root.
pub(super) fn answer(problem: Problem, headers: &HeaderMap, site: Option<&Site>) -> Response {
    let mut response = problem.into_response();
    if wants_page(headers) {
        let busy = matches!(response.status().as_u16(), 429 | 503);
        *response.body_mut() = Body::from(page(busy, &way_on(site)));
        let head = response.headers_mut();
        head.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        head.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        head.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    response
}

/// Browsers ask for HTML when a person opens a URL; other programs do only if they can show a page.
fn wants_page(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

/// The first destination that the site's links may have.
fn way_on(site: Option<&Site>) -> String {
    match site.and_then(|site| Some((site, site.redirect_to.first()?))) {
        None => "/".to_owned(),
        Some((_, RedirectTo::Origin(origin))) => format!("{}/", origin.as_str()),
        Some((site, below)) => format!("{}{below}", site.public_url.as_str()),
    }
}

fn page(is_busy: bool, way_on: &str) -> String {
    let (title, text) = match is_busy {
        true => {
            ("Please try again", "This link cannot be opened at the moment. Try again in a minute, or go to the site.")
        }
        false => {
            ("This link does not work", "Its address is incomplete, or the link was withdrawn. You can go to the site.")
        }
    };
    let way_on = way_on.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n\
         <style>body {{ font: 1.125rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto; padding: 0 1.5rem }}</style>\n\
         <main>\n<h1>{title}</h1>\n<p>{text}</p>\n<p><a href=\"{way_on}\">Go to the site</a></p>\n</main>\n</html>\n"
    )
}
