//! `trailmark snippet`: prints the code for a site's pages, ready to paste: the inline stub, the script tag with the site's
//! settings, a test call, and the same for a bundler. With `--integrity` the tag runs this release's script or none.
//! `--manifest` prints the hashes of this release instead.

use serde_json::json;
use trailmark_wire::ids::SiteId;

use super::failure::Failure;
use super::output;
use super::{ConfigFile, site};
use crate::assets;
use crate::config::{Config, Consent, Site};

#[derive(Debug, clap::Args)]
pub(super) struct Snippet {
    /// Id of the site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text), required_unless_present = "manifest")]
    site: Option<SiteId>,
    /// Pin the script to this release by its hash; print the snippet again after each upgrade
    #[arg(long)]
    integrity: bool,
    /// Print names, sizes and hashes of this release's files, as JSON
    #[arg(long, conflicts_with_all = ["site", "integrity"])]
    manifest: bool,
    #[command(flatten)]
    file: ConfigFile,
}

impl Snippet {
    pub(super) fn run(self) -> Result<(), Failure> {
        let cure = "this binary was built without the SDK: run `cargo xtask build-sdk`, then build it again";
        let not_built = || Failure::request(cure);
        let Some(id) = &self.site else {
            let files = assets::manifest().ok_or_else(not_built)?;
            return output::json(&json!({ "version": env!("CARGO_PKG_VERSION"), "files": files }));
        };
        let config = self.file.load()?;
        let site = site(&config, id)?;
        let stub = assets::stub().ok_or_else(not_built)?;
        let entry = assets::entry().filter(|_entry| self.integrity);
        let pinned = entry.map_or_else(String::new, |entry| pin(&entry.integrity));
        output::line(&snippet(site, &base(&config, site), &stub, &pinned))
    }
}

/// What follows the address of `sdk.js` if the page pins it. The query makes the address one of this release alone, since a
/// cache may have the script of another one. Without `crossorigin` a browser refuses the hash of a script from another host.
fn pin(integrity: &str) -> String {
    let release: String = integrity.chars().rev().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("?v={release}\" integrity=\"{integrity}\" crossorigin=\"anonymous")
}

/// The proxy's address for the page: a path if the proxy is on one of the site's origins, otherwise the full address.
fn base(config: &Config, site: &Site) -> String {
    let mount = &config.server.mount;
    match site.allows(site.public_url.as_str()) {
        true => mount.clone(),
        false => format!("{}{mount}", site.public_url),
    }
}

fn snippet(site: &Site, base: &str, stub: &str, pinned: &str) -> String {
    let consent = match site.consent {
        Consent::Required => "pending",
        Consent::NotRequired => "granted",
    };
    let mut params: Vec<&str> = site.programs.iter().flat_map(|program| &program.params).map(String::as_str).collect();
    params.sort_unstable();
    params.dedup();
    let attribute = |params: &[&str]| format!(" data-params=\"{}\"", escaped(&params.join(" ")));
    let params_attribute = if params.is_empty() { String::new() } else { attribute(&params) };
    let asks = match site.consent {
        Consent::Required => {
            "\n<!-- Nothing is stored or sent until the visitor agrees: trailmark.consent('granted') -->"
        }
        Consent::NotRequired => "",
    };
    let names: Vec<String> = params.iter().map(|name| format!("'{}'", name.replace(['\\', '\''], ""))).collect();
    format!(
        "<!-- In the head of every page, the first script before any router -->\n\
         <script>{stub}</script>\n\
         <script async src=\"{base}/sdk.js{pinned}\" data-site=\"{site}\" data-consent=\"{consent}\"{params_attribute}></script>{asks}\n\
         \n\
         <!-- Where a signup has succeeded -->\n\
         <script>trailmark.signup({{ customerKey: 'u_1', email: 'ada@example.com', name: 'Ada' }}).then(console.log)</script>\n\
         \n\
         <!-- With a bundler, in place of the two scripts of the head. `cargo xtask pack` in Trailmark's sources makes the\n\
         package and prints where it is; in your app: npm install /path/to/trailmark/target/npm/trailmark-{version}.tgz\n\
         import {{ init }} from 'trailmark';\n\
         const tm = init({{ site: '{site}', endpoint: '{base}', consent: '{consent}', params: [{names}] }});\n\
         -->",
        site = site.id,
        names = names.join(", "),
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}
