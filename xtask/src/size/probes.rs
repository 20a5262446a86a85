//! What gloo-net, serde and serde-wasm-bindgen cost: the difference between two modules of a dozen lines.
//!
//! The sources below become a throw-away workspace under `target/size-probes` with this workspace's versions, lock
//! file and profile `sdk`. Results are kept there under the hash of all that, so that only a change of toolchain or
//! dependencies measures again.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, sha256_hex, write_if_changed};
use crate::build_sdk::{self, Tools};
use crate::npm::Npm;
use crate::workspace::Workspace;

/// One module: the crates beyond the base, and its source.
struct Probe {
    name: &'static str,
    crates: &'static [&'static str],
    source: &'static str,
}

const BASE_CRATES: [&str; 4] = ["wasm-bindgen", "wasm-bindgen-futures", "js-sys", "web-sys"];

const POST_BY_WEB_SYS: &str = r#"//! One POST by web-sys alone.
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
pub async fn post(url: String, body: String) -> Result<u32, JsValue> {
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsValue::from_str(&body));
    let window = web_sys::window().ok_or(JsValue::UNDEFINED)?;
    let response = JsFuture::from(window.fetch_with_str_and_init(&url, &init)).await?;
    Ok(u32::from(response.unchecked_into::<web_sys::Response>().status()))
}
"#;

const POST_BY_GLOO: &str = r#"//! The same POST sent by gloo-net, as src/browser.rs uses it.
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub async fn post(url: String, body: String) -> Result<u32, JsValue> {
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsValue::from_str(&body));
    let request = web_sys::Request::new_with_str_and_init(&url, &init)?;
    let response = gloo_net::http::Request::from(request).send().await.map_err(|_| JsValue::UNDEFINED)?;
    Ok(u32::from(response.status()))
}
"#;

const TO_VALUE: &str = r#"
#[wasm_bindgen]
pub fn receipt(id: String, code: Option<String>, replayed: bool) -> JsValue {
    serde_wasm_bindgen::to_value(&(id, code, replayed)).unwrap_or(JsValue::UNDEFINED)
}
"#;

const TO_VALUE_DERIVED: &str = r#"
#[derive(serde::Serialize)]
struct Receipt {
    id: String,
    code: Option<String>,
    replayed: bool,
}

#[wasm_bindgen]
pub fn receipt(id: String, code: Option<String>, replayed: bool) -> JsValue {
    serde_wasm_bindgen::to_value(&Receipt { id, code, replayed }).unwrap_or(JsValue::UNDEFINED)
}
"#;

const PROBES: [Probe; 4] = [
    Probe { name: "probe-base", crates: &[], source: POST_BY_WEB_SYS },
    Probe { name: "probe-gloo-net", crates: &["gloo-net"], source: POST_BY_GLOO },
    Probe { name: "probe-to-value", crates: &["serde-wasm-bindgen"], source: TO_VALUE },
    Probe { name: "probe-derive", crates: &["serde-wasm-bindgen", "serde"], source: TO_VALUE_DERIVED },
];

/// Glue and module of each probe, brotli bytes, in the order of [`PROBES`].
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Results {
    key: String,
    sizes: [usize; 4],
}

/// Measures, or reads what was measured before, and prints a line for each crate.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("size-probes");
    let npm = Npm::install(workspace)?;
    let root_manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml"))?;
    let lock = std::fs::read_to_string(workspace.root.join("Cargo.lock"))?;
    let manifest = workspace_manifest(&root_manifest)?;
    let sources: String = PROBES.iter().map(source).collect();
    let build = include_str!("../build_sdk.rs").to_owned();
    let key = sha256_hex([&manifest, &lock, &npm.lock_hash, &sources, &build].map(String::as_str).concat().as_bytes());
    let path = folder.join("results.json");
    let known = std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<Results>(&text).ok());
    let results = match known {
        Some(results) if results.key == key => results,
        _ => {
            write_sources(&folder, &manifest, &lock)?;
            let sizes = measure(workspace, &folder, &npm)?;
            let results = Results { key, sizes };
            std::fs::write(&path, serde_json::to_string(&results)?)?;
            results
        }
    };
    print!("{}", table(results.sizes));
    Ok(())
}

fn source(probe: &Probe) -> String {
    let base = if probe.source.starts_with("//!") { "" } else { POST_BY_WEB_SYS };
    format!("{base}{}", probe.source)
}

/// The members' versions and profile are those of the real workspace, cut out of its manifest.
fn workspace_manifest(root_manifest: &str) -> Result<String> {
    let mut text = "[workspace]\nmembers = [\"probe-*\"]\nresolver = \"3\"\n\n[workspace.dependencies]\n".to_owned();
    let crates = PROBES.iter().flat_map(|probe| probe.crates).chain(&BASE_CRATES);
    let mut names: Vec<&str> = crates.copied().collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let start = format!("{name} = ");
        let line = root_manifest.lines().find(|line| line.starts_with(&start));
        text += line.with_context(|| format!("[workspace.dependencies] in Cargo.toml lacks {name}"))?;
        text.push('\n');
    }
    let profile = root_manifest.split_once("[profile.sdk]").context("Cargo.toml lacks [profile.sdk]")?.1;
    let profile: String =
        profile.lines().take_while(|line| !line.starts_with('[')).map(|line| format!("{line}\n")).collect();
    Ok(format!("{text}\n[profile.sdk]{profile}"))
}

fn package_manifest(probe: &Probe) -> String {
    let features = "features = [\"Request\", \"RequestInit\", \"Response\", \"Window\"]";
    let mut text = format!(
        "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\n",
        probe.name
    );
    for name in BASE_CRATES.iter().chain(probe.crates) {
        text += &match *name {
            "web-sys" => format!("web-sys = {{ workspace = true, {features} }}\n"),
            name => format!("{name}.workspace = true\n"),
        };
    }
    text
}

fn write_sources(folder: &Path, manifest: &str, lock: &str) -> Result<()> {
    for probe in &PROBES {
        let package = folder.join(probe.name);
        std::fs::create_dir_all(package.join("src"))?;
        write_if_changed(&package.join("Cargo.toml"), package_manifest(probe).as_bytes())?;
        write_if_changed(&package.join("src/lib.rs"), source(probe).as_bytes())?;
    }
    write_if_changed(&folder.join("Cargo.toml"), manifest.as_bytes())?;
    // Cargo drops from it what the probes do not use and keeps the versions of what they do.
    std::fs::write(folder.join("Cargo.lock"), lock)?;
    Ok(())
}

fn measure(workspace: &Workspace, folder: &Path, npm: &Npm) -> Result<[usize; 4]> {
    println!("measuring gloo-net, serde and serde-wasm-bindgen; the next run remembers");
    let tools = Tools { npm: Some(npm), scratch: folder };
    let mut sizes = [0; 4];
    for (probe, size) in PROBES.iter().zip(&mut sizes) {
        let module = build_sdk::compile(workspace, &folder.join("Cargo.toml"), probe.name)?;
        let (glue, wasm) = build_sdk::bind(&module)?;
        let glue = Artifact::new("glue", tools.shrink_js(&glue, true)?.into_bytes())?;
        let wasm = Artifact::new("wasm", tools.shrink_wasm(&wasm)?)?;
        *size = glue.entry().brotli + wasm.entry().brotli;
    }
    Ok(sizes)
}

fn table([base, gloo, to_value, derive]: [usize; 4]) -> String {
    let mut text = format!("{:<34} {:>9} {:>9} {:>9}\n", "cost of a crate, brotli", "without", "with", "more");
    for (name, without, with) in [
        ("gloo-net, one POST", base, gloo),
        ("serde-wasm-bindgen, to_value", base, to_value),
        ("serde, a derived struct for it", to_value, derive),
    ] {
        let more = i64::try_from(with).unwrap_or(i64::MAX) - i64::try_from(without).unwrap_or(i64::MAX);
        text += &format!("{name:<34} {without:>9} {with:>9} {more:>+9}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.dependencies]\ntrailmark-wire = { path = \"x\" }\ngloo-net = \"1\"\njs-sys = \"2\"\n\
        serde = \"3\"\nserde-wasm-bindgen = \"4\"\nwasm-bindgen = \"=5\"\nwasm-bindgen-futures = \"6\"\nweb-sys = \"7\"\n\
        [profile.dev]\ndebug = 1\n[profile.sdk]\nlto = \"fat\"\n\n[package]\nname = \"x\"\n";

    #[test]
    fn the_probes_take_versions_and_profile_of_the_workspace_and_nothing_else() {
        let manifest = workspace_manifest(ROOT).unwrap();
        assert!(manifest.contains("wasm-bindgen = \"=5\"\n") && manifest.ends_with("[profile.sdk]\nlto = \"fat\"\n\n"));
        assert!(!manifest.contains("path =") && !manifest.contains("[package]"));
        assert!(workspace_manifest(&ROOT.replace("web-sys", "web")).is_err());
    }

    #[test]
    fn a_line_is_the_difference_of_two_probes() {
        let table = table([100, 160, 150, 145]);
        let last: Vec<_> = table.lines().map(|line| line.split_whitespace().last().unwrap()).collect();
        assert_eq!(last, ["more", "+60", "+50", "-5"]);
    }
}
