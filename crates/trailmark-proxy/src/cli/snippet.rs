//! `trailmark snippet`: prints the code for a site's pages, ready to paste: the inline stub, the script tag with the site's
//! settings, a test call, and the same for a bundler. With `--integrity` the tag names one release, and with `--name` it is a
//! further site's on the page. `--manifest` prints the hashes of this release instead.

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
    /// Pin the script to this release by its hash; print it again after each upgrade
    #[arg(long)]
    integrity: bool,
    /// For a second site on one page: the name of its calls, such as `globex` for `globex.signup(…)`
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Print names, sizes and hashes of this release's files, as JSON
    #[arg(long, conflicts_with_all = ["site", "integrity", "name"])]
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
        let (source, calls) = ("sdk.js".to_owned(), "trailmark".to_owned());
        let mut script = Script { source, attributes: String::new(), calls };
        if self.integrity {
            let pinned = assets::pinned().ok_or_else(not_built)?;
            // Without `crossorigin` a browser refuses the hash of a script from another host.
            script.attributes = format!(" integrity=\"{}\" crossorigin", pinned.integrity);
            script.source = pinned.name;
        }
        if let Some(name) = self.name {
            script.attributes += &format!(" data-name=\"{name}\"");
            script.calls = name;
        }
        output::line(&snippet(site, &base(&config, site), &stub, &script))
    }
}

/// What the options say about the script tag.
struct Script {
    /// The file's name.
    source: String,
    /// What the tag has beside the site's settings.
    attributes: String,
    /// The variable whose calls are the site's.
    calls: String,
}

/// A name that can stand in a script without quotes.
fn name(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    match begins && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        true if text != "trailmark" => Ok(text.to_owned()),
        _ => Err("it begins with a letter, has letters, digits and `_`, and is not `trailmark`".to_owned()),
    }
}

/// The proxy's address for the page: a path if the proxy is on one of the site's origins, otherwise the full address.
fn base(config: &Config, site: &Site) -> String {
    let mount = &config.server.mount;
    match site.allows(site.public_url.as_str()) {
        true => mount.clone(),
        false => format!("{}{mount}", site.public_url),
    }
}

fn snippet(site: &Site, base: &str, stub: &str, script: &Script) -> String {
    let Script { source, attributes, calls } = script;
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
            format!("\n<!-- Nothing is stored or sent until the visitor agrees: {calls}.consent('granted') -->")
        }
        Consent::NotRequired => String::new(),
    };
    let names: Vec<String> = params.iter().map(|name| format!("'{}'", name.replace(['\\', '\''], ""))).collect();
    format!(
        "<!-- In the head of every page, the first script before any router -->\n\
         <script>{stub}</script>\n\
         <script async src=\"{base}/{source}\" data-site=\"{site}\" data-consent=\"{consent}\"{params_attribute}{attributes}></script>{asks}\n\
         \n\
         <!-- Where a signup has succeeded -->\n\
         <script>{calls}.signup({{ customerKey: 'u_1', email: 'ada@example.com', name: 'Ada' }}).then(console.log)</script>\n\
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
