//! The page as Chromium shows it, where one is installed, with a profile that is gone afterwards. Only for a page without a
//! snippet in its HTML: a tag manager may add one. It prints the document after ten seconds of the page's own time, and sees
//! neither the console nor requests; no driver is worth its weight here.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use trailmark_wire::ids::hex;
use url::Url;

use crate::random::Random;

/// The names under which Chromium is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The page's document; `None` without a browser, or if it shows nothing.
pub(super) async fn document(url: &Url) -> Option<String> {
    let (program, profile, url) = (installed()?, profile()?, url.clone());
    let shown = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(program);
        command.args([
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--timeout=20000",
            "--virtual-time-budget=10000",
        ]);
        command.arg(format!("--user-data-dir={}", profile.display())).arg("--dump-dom").arg(url.as_str());
        let shown = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
        // What cannot be removed is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(profile);
        shown.ok()
    });
    let shown = String::from_utf8(shown.await.ok()??.stdout).ok()?;
    Some(shown).filter(|document| !document.trim().is_empty())
}

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    places.find(|place| place.is_file())
}

fn profile() -> Option<PathBuf> {
    let random: [u8; 8] = Random.bytes().ok()?;
    Some(std::env::temp_dir().join(format!("trailmark-doctor-{}", hex(&random))))
}
