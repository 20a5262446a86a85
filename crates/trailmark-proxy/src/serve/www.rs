//! Static files beside the proxy's own routes, for the demo (`serve --www DIR`): the site's pages on the site's own host. Reads
//! below one folder and nowhere else; production sites have servers of their own.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{StatusCode, Uri};

/// A router that answers GET with the files below `folder`: `/pricing` is `pricing`, `pricing.html` or `pricing/index.html`.
pub(super) fn router(folder: &Path) -> Router {
    Router::new().fallback_service(get(page).with_state(Arc::<Path>::from(folder)))
}

async fn page(State(folder): State<Arc<Path>>, uri: Uri) -> Response {
    let path = uri.path().to_owned();
    // Small local files; still no business of the runtime's own threads.
    let found = tokio::task::spawn_blocking(move || find(&folder, &path)).await;
    match found.ok().flatten() {
        Some((kind, bytes)) => {
            let nosniff = (HeaderName::from_static("x-content-type-options"), "nosniff");
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache"), nosniff], bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
    }
}

fn find(folder: &Path, path: &str) -> Option<(&'static str, Vec<u8>)> {
    let named = folder.join(below(path)?);
    let root = folder.canonicalize().ok()?;
    let with_html = named.file_name().map(|name| named.with_file_name(format!("{}.html", name.to_string_lossy())));
    let candidates = [Some(named.clone()), with_html, Some(named.join("index.html"))];
    candidates.into_iter().flatten().find_map(|file| {
        // Links may lead out of the folder; what counts is where the file really lies.
        let real = file.canonicalize().ok().filter(|real| real.starts_with(&root) && real.is_file())?;
        Some((mime_of(&real), std::fs::read(real).ok()?))
    })
}

/// A URL's path as a relative path of plain, visible names; `None` for anything else. Nothing is percent-decoded: the
/// demo's files have plain names.
fn below(path: &str) -> Option<PathBuf> {
    let relative = PathBuf::from(path.trim_matches('/'));
    let plain = |component: Component<'_>| match component {
        Component::Normal(name) => {
            name.to_str().is_some_and(|name| !name.starts_with('.') && !name.contains(['\\', '%', '\0']))
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
        ] {
            std::fs::write(outer.path().join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(outer.path().join("secret"), www.join("link")).unwrap();
        let found = |path: &str| find(&www, path).map(|(_, bytes)| String::from_utf8(bytes).unwrap());
        for (path, text) in [("/", "i"), ("/pricing", "p"), ("/pricing.html", "p"), ("/docs", "d"), ("/docs/", "d")] {
            assert_eq!(found(path).as_deref(), Some(text), "{path}");
        }
        for path in [
            "/../secret",
            "/docs/../../secret",
            "/%2e%2e/secret",
            "/link",
            "/.env",
            "/nothing",
            "//etc/passwd",
            "/..\\secret",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
