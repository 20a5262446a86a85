//! The configuration file: whatever is in it, the answer is a configuration that can be printed and read, or mistakes with place
//! and cure that repeat no secret.

use std::path::Path;

use trailmark_proxy::config::{Config, ConfigError, Overrides, default_file};

use crate::engine::{Looked, Target, Verdict, rule};
use crate::seeds::tells_a_secret;

pub(crate) const CONFIGURATION: Target = Target {
    name: "configuration",
    inputs: 7_000,
    seeds,
    words: &[
        "\n",
        "[[sites]]",
        "[[sites.programs]]",
        "[server]",
        "[limits]",
        "id = ",
        "origins = ",
        "\"env:Geheim-7f3a@secret.example\"",
        "\"env:KEY\"",
        "env:",
        "file:",
        "http://127.0.0.1:1",
        "https://a.example",
        "https://*.a.example",
        "\"\"\"",
        "'''",
        "# ",
        "redirect_to = ",
        "mount = ",
        "window_days = ",
        "15m",
        "0s",
        "99999999999d",
        "[::1]:1",
        "0.0.0.0:1",
        "10.0.0.0/8",
        "::/129",
        "kty",
        "private_key",
        "[redacted] from env:KEY",
    ],
    look,
};

/// Settings that name a secret; whoever puts the secret itself there must not find it in a log.
const SECRETS: [&str; 5] = ["admin_key", "public_key", "private_key", "tracking_token", "webhook_path"];

const WHOLE: &str = r#"
[server]
listen = "127.0.0.1:8787"
public_url = "http://127.0.0.1:8787"
mount = "/tm"
admin_listen = "127.0.0.1:8788"
admin_key = "env:ADMIN"
trusted_proxies = ["10.0.0.0/8", "::1"]
client_ip_header = "X-Forwarded-For"
log_level = "info"
[store]
url = "sqlite:trailmark.db"
[limits]
queue = 1000
[[sites]]
id = "acme"
origins = ["http://127.0.0.1:8787", "https://app.acme.example"]
consent = "not_required"
redirect_to = ["/pricing", "https://app.acme.example"]
credit = "each"
window_days = 30
signups_per_visitor = 2
[[sites.programs]]
id = "main"
vendor = "partnerstack"
dialect = "guide"
public_key = "env:KEY"
private_key = "file:key.txt"
tracking_token = "env:KEY"
params = ["via", "ref"]
base_url = "http://127.0.0.1:9100/partnerstack"
confirm_after = "15m"
[[sites]]
id = "zeta"
public_url = "https://www.zeta.example"
origins = ["https://www.zeta.example"]
cookie_domain = "zeta.example"
"#;

fn seeds() -> Vec<Vec<u8>> {
    let secret = "[[sites]]\nid = \"acme\"\n[[sites.programs]]\nid = \"main\"\nvendor = \"partnerstack\"\n\
                  public_key = \"Geheim-7f3a@secret.example\"\nprivate_key = \"env:Geheim-7f3a@secret.example\"\n\
                  tracking_token = \"file:Geheim-7f3a@secret.example\"\n";
    let key = "[server]\nadmin_key = \"env:Geheim-7f3a@secret.example\"\n";
    let wrong = "[server]\nlisten = 7\nmounts = \"/\"\n[[sites]]\norigins = \"http://x\"\nid = \"A\"\n";
    [WHOLE, secret, key, wrong, &default_file(), ""].map(|text| text.as_bytes().to_vec()).to_vec()
}

fn nothing() -> Overrides {
    Overrides::from_variables(|_| None)
}

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::from_toml(text, Path::new("test.toml"), &nothing())
}

fn look(input: &[u8]) -> Looked {
    let text = String::from_utf8_lossy(input);
    match read(&text) {
        Ok(config) => {
            let again = read(&text).map(|config| config.effective(&nothing()));
            let same = again.is_ok_and(|again| again == config.effective(&nothing()));
            rule(same, "a file means the same each time", || text.to_string())?;
            let told = only_as_secret(&text) && read(&text).is_ok_and(|config| tells_a_secret(&format!("{config:?}")));
            rule(!told, "no debug text repeats a secret", || text.to_string())?;
            Ok(Verdict::Accepted)
        }
        Err(error) => {
            let shown = error.to_string();
            let told = only_as_secret(&text) && tells_a_secret(&shown);
            rule(!told, "no error text repeats a secret", || shown.clone())?;
            rule(!shown.trim().is_empty(), "a refusal says what is wrong", || text.to_string())?;
            Ok(if text.parse::<toml::Table>().is_ok() { Verdict::Refused } else { Verdict::Unread })
        }
    }
}

/// Whether what stands for a secret stands only where a secret belongs; elsewhere it is a name like any other.
fn only_as_secret(text: &str) -> bool {
    let is_setting = |line: &str| {
        let name = line.split_once('=').map(|(name, _)| name.trim());
        SECRETS.into_iter().any(|secret| name == Some(secret))
    };
    text.lines().all(|line| !tells_a_secret(line) || is_setting(line))
}
