//! The invented vendor in the real binary, built from the copy that `cargo xtask test` makes: commands tell of it, its settings
//! are taken, and a running proxy sends it the signup of a visitor who came by its link. A listener here stands for the vendor.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longer than any wait of a passing test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a configuration, where the binary runs.
struct Desk {
    folder: PathBuf,
    site: String,
    operator: String,
}

/// A proxy, which ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Desk {
    /// In an empty folder of this name, with Acme at this address.
    fn new(name: &str, vendor: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [site, operator] = held.map(|listener| listener.local_addr().unwrap().to_string());
        let config = format!(
            r#"
[server]
listen = "{site}"
public_url = "http://{site}"
admin_listen = "{operator}"

[store]
url = "sqlite:trailmark.db"

[[sites]]
id = "shop"
origins = ["http://{site}"]

[[sites.programs]]
id = "main"
vendor = "acme"
api_key = "env:ACME_API_KEY"
base_url = "http://{vendor}"
"#
        );
        std::fs::write(folder.join("trailmark.toml"), config).unwrap();
        Self { folder, site, operator }
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(std::env::var_os("NEWCOMER_BIN").unwrap());
        command.args(words.split(' ')).current_dir(&self.folder).env_clear().env("ACME_API_KEY", "k_1");
        command
    }

    /// What a successful command prints.
    fn run(&self, words: &str) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn serve(&self) -> Running {
        let log = File::create(self.folder.join("serve.log")).unwrap();
        let proxy = Running(self.command("serve").stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        self.until("the proxy is ready", || {
            http(&self.operator, "GET /readyz", "", "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        proxy
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            let log = || std::fs::read_to_string(self.folder.join("serve.log")).unwrap();
            assert!(begun.elapsed() < PATIENCE, "gave up waiting until {what}:\n{}", log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A call of a page or a backend.
    fn post(&self, path: &str, headers: &str, body: &Value) -> Value {
        let answer = http(&self.site, &format!("POST /tm/v1/{path}"), headers, &body.to_string()).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 2"), "{answer}");
        serde_json::from_str(body).unwrap()
    }
}

/// The whole answer. Each header ends its line.
fn http(address: &str, call: &str, headers: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let head = format!("{call} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}");
    let of_body = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all((head + &of_body).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Takes one call, answers it as Acme does, and returns it.
fn take(vendor: &TcpListener) -> String {
    let (stream, _) = vendor.accept().unwrap();
    let mut reader = BufReader::new(&stream);
    let mut call = String::new();
    while !call.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut call).unwrap() > 0, "{call}");
    }
    let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
    let mut body = vec![0; call.lines().find_map(length).unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"id\":\"s_1\"}";
    (&stream).write_all(answer.as_bytes()).unwrap();
    call + &String::from_utf8(body).unwrap()
}

#[test]
fn commands_tell_of_it_and_take_its_settings() {
    let desk = Desk::new("newcomer-settings", "127.0.0.1:9");
    let told = desk.run("vendors acme");
    for part in ["Acme, dialect current", "Acme, dialect guide", "PUT /signups/{customer}", "partners list"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(desk.run("config print --default").contains("https://api.acme.example"));
    let sound = desk.run("config check");
    assert!(sound.contains("(sites: 1, programs: 1)"), "{sound}");
    let refused = desk.command("config check").env_remove("ACME_API_KEY").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("ACME_API_KEY"));
}

#[test]
fn a_proxy_sends_it_the_signup_of_a_visitor_who_came_by_its_link() {
    let vendor = TcpListener::bind("127.0.0.1:0").unwrap();
    let desk = Desk::new("newcomer-proxy", &vendor.local_addr().unwrap().to_string());
    let (sender, calls) = mpsc::channel();
    thread::spawn(move || sender.send(take(&vendor)));
    let _proxy = desk.serve();
    let key = desk.run("apikeys add --site shop --name trial");
    let key = key.lines().next().unwrap();
    let site = &desk.site;
    let url = format!("http://{site}/?acme_id=Click7");
    let click = json!({"site": "shop", "id": "00000000000000000000000000000001", "url": url});
    let click = desk.post("clicks", &format!("Origin: http://{site}\r\n"), &click);
    let signup = json!({"kind": "signup", "customer": {"key": "u_1"}, "click_token": click["click_token"]});
    let headers = format!("Authorization: Bearer {key}\r\nIdempotency-Key: signup-u_1\r\n");
    assert_eq!(desk.post("conversions", &headers, &signup)["status"], "accepted");
    let call = calls.recv_timeout(PATIENCE).unwrap();
    assert!(call.starts_with("PUT /signups/u_1 ") && call.ends_with(r#"{"click":"Click7"}"#), "{call}");
    assert!(call.contains("Bearer k_1"), "{call}");
    desk.until("the signup is recorded", || desk.run("conversions list").contains("recorded"));
}
