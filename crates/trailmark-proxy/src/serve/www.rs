//! Static files beside the proxy's routes, for the demo (`serve --www DIR`): the site's pages on the site's host.
//! Reads below one folder only; production sites have their own servers.
//!
//! Shared parts are written once: `<!-- include _head.html -->` in a page is replaced by the file of that name beside
//! it. Files that begin with `_` are parts, not pages; a part includes no other part.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{StatusCode, Uri};

/// A router that answers GET with the files below `folder`: `/pricing` is `pricing`, `pricing.html` or
/// `pricing/index.html`.
pub(super) fn router(folder: &Path) -> Router {
    Router::new().fallback_service(get(page).with_state(Arc::<Path>::from(folder)))
}

/// Start and end of an include.
const INCLUDE: (&str, &str) = ("<!-- include ", " -->");

/// A file as it is sent.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    kind: &'static str,
    bytes: Vec<u8>,
}

/// A page includes a part that is not beside it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the page includes {0:?}, but there is no such file beside it")]
struct NoPart(String);

async fn page(State(folder): State<Arc<Path>>, uri: Uri) -> Response {
    let path = uri.path().to_owned();
    // The files are small and local, but must not block the runtime's threads.
    let found = tokio::task::spawn_blocking(move || find(&folder, &path)).await;
    match found.ok().flatten() {
        Some(Ok(Found { kind, bytes })) => {
            let nosniff = (HeaderName::from_static("x-content-type-options"), "nosniff");
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache"), nosniff], bytes).into_response()
        }
        Some(Err(missing)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{missing}\n")).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
    }
}

fn find(folder: &Path, path: &str) -> Option<Result<Found, NoPart>> {
    let named = folder.join(below(path)?);
    let root = folder.canonicalize().ok()?;
    let with_html = named.file_name().map(|name| named.with_file_name(format!("{}.html", name.to_string_lossy())));
    let candidates = [Some(named.clone()), with_html, Some(named.join("index.html"))];
    // Links may lead out of the folder; the file's real place counts.
    let inside = |file: PathBuf| file.canonicalize().ok().filter(|real| real.starts_with(&root) && real.is_file());
    let real = candidates.into_iter().flatten().find_map(inside)?;
    let (kind, bytes) = (mime_of(&real), std::fs::read(&real).ok()?);
    if real.extension().is_none_or(|extension| extension != "html") {
        return Some(Ok(Found { kind, bytes }));
    }
    let part = |name: &str| {
        let plain = Path::new(name).file_name().is_some_and(|file| file == name);
        let file = plain.then(|| real.with_file_name(name)).and_then(inside)?;
        std::fs::read_to_string(file).ok()
    };
    let whole = with_parts(&String::from_utf8_lossy(&bytes), part);
    Some(whole.map(|text| Found { kind, bytes: text.into_bytes() }))
}

/// The page with every include replaced.
fn with_parts(page: &str, part: impl Fn(&str) -> Option<String>) -> Result<String, NoPart> {
    let (opens, closes) = INCLUDE;
    let mut whole = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(opens) {
        let Some((name, after)) = after.split_once(closes) else { break };
        whole.push_str(before);
        whole.push_str(part(name).ok_or_else(|| NoPart(name.to_owned()))?.trim_end());
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}

/// A URL's path as a relative path of plain, visible names; `None` for anything else. Nothing is percent-decoded,
/// because the demo's files have plain names.
fn below(path: &str) -> Option<PathBuf> {
    let relative = PathBuf::from(path.trim_matches('/'));
    let plain = |component: Component<'_>| match component {
        Component::Normal(name) => {
            name.to_str().is_some_and(|name| !name.starts_with(['.', '_']) && !name.contains(['\\', '%', '\0']))
        }
        _ => false,
    };
    relative.components().all(plain).then_some(relative)
}

fn mime_of(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_found() {
        let outer = tempfile::tempdir().unwrap();
        let www = outer.path().join("www");
        std::fs::create_dir_all(www.join("docs")).unwrap();
        for (name, text) in [
            ("secret", "s"),
            ("www/index.html", "i"),
            ("www/pricing.html", "p"),
            ("www/docs/index.html", "d"),
            ("www/.env", "e"),
            ("www/_head.html", "head\n"),
        ] {
            std::fs::write(outer.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(outer.path().join("secret"), www.join("link")).unwrap();
        let found = |path: &str| Some(String::from_utf8(find(&www, path)?.unwrap().bytes).unwrap());
        for (path, text) in [("/", "i"), ("/pricing", "p"), ("/pricing.html", "p"), ("/docs", "d"), ("/docs/", "d")] {
            assert_eq!(found(path).as_deref(), Some(text), "{path}");
        }
        for path in [
            "/../secret",
            "/docs/../../secret",
            "/%2e%2e/secret",
            "/link",
            "/.env",
            "/_head",
            "/_head.html",
            "/nothing",
            "//etc/passwd",
            "/..\\secret",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn a_page_gets_the_parts_beside_it_and_no_others() {
        let outer = tempfile::tempdir().unwrap();
        let www = outer.path().join("www");
        std::fs::create_dir_all(www.join("docs")).unwrap();
        for (name, text) in [
            ("_secret.html", "s"),
            ("www/_head.html", "head\n"),
            ("www/docs/_head.html", "docs' head"),
            ("www/whole.html", "<!-- a page --><!-- include _head.html -->|<!-- include _head.html -->"),
            ("www/docs/whole.html", "<!-- include _head.html -->"),
            ("www/outside.html", "<!-- include ../_secret.html -->"),
            ("www/linked.html", "<!-- include _link.html -->"),
            ("www/broken.html", "<!-- include _none.html -->"),
            ("www/script.js", "<!-- include _head.html -->"),
        ] {
            std::fs::write(outer.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(outer.path().join("_secret.html"), www.join("_link.html")).unwrap();
        let found = |path: &str| find(&www, path).unwrap().map(|found| String::from_utf8(found.bytes).unwrap());
        assert_eq!(found("/whole").as_deref(), Ok("<!-- a page -->head|head"));
        assert_eq!(found("/docs/whole").as_deref(), Ok("docs' head"));
        assert_eq!(found("/script.js").as_deref(), Ok("<!-- include _head.html -->"));
        for (path, part) in [("/outside", "../_secret.html"), ("/linked", "_link.html"), ("/broken", "_none.html")] {
            assert_eq!(found(path), Err(NoPart(part.to_owned())), "{path}");
        }
    }
}
