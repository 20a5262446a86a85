//! `demo`: the whole product on this machine, started by one command and stopped by Ctrl-C.
//!
//! Builds the module and the binary, then runs `trailmark simulate` (simulators of the vendors and of the shop's
//! backend) and `trailmark serve` (proxy and demo site, SQLite) on free ports, in a folder under `target/demo`. The
//! folder is kept: the next run goes on with its ledger and the simulator's state, unless it is told `--fresh`. The secrets are those of the
//! simulator and go to the proxy through its environment, as real ones would; the key that signs the shop's orders is
//! asked for where it is published.

use std::collections::BTreeMap;
use std::fs::{File, Permissions, TryLockError};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{Group, Interrupts};
use crate::workspace::Workspace;

/// Where the search for free ports begins: the proxy, its operator's listener, the simulator. Not the ports of `docs/start.md`,
/// so that its commands work beside a running demo.
const FIRST_PORTS: [u16; 3] = [7787, 7788, 7789];

/// How long a started program may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a program may take to end when asked; the proxy drains what it is sending.
const STOP_GRACE: Duration = Duration::from_secs(15);

/// Where the pages of the shop want the snippet: in the head that they share, or each for itself.
const SNIPPET_MARK: &str = "<!-- trailmark snippet -->";

/// The ledger's file in the folder of a run.
const LEDGER: &str = "trailmark.db";

/// The simulator's file in the folder of a run: what the ledger says of customers and sales, the vendor has to know, too.
const VENDOR: &str = "simulator.json";

/// The longest answer that is waited for.
const MOST_ANSWER_BYTES: u64 = 64 * 1024;

/// Where the shop's backend publishes the keys that sign its orders.
const SHOP_KEYS: &str = "/shop/jwks.json";

/// How a program begins in a configuration.
const PROGRAM: &str = "[[sites.programs]]";

/// The program `trailmark` in the folder of a run: the built one with this run's configuration and secrets.
const WRAPPER: &str = "trailmark";

/// The three listeners.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    site: SocketAddr,
    operator: SocketAddr,
    simulator: SocketAddr,
}

impl Addresses {
    /// The ledger view with what the vendors have beside it.
    fn ledger(self) -> String {
        format!("http://{}/?vendor=http://{}/control/listings", self.operator, self.simulator)
    }
}

/// What the simulator prints for a proxy that talks to it.
#[derive(Debug)]
struct Simulated {
    /// What it accepts, under the names that the programs read.
    secrets: BTreeMap<String, String>,
    /// A program at each vendor, as TOML.
    programs: String,
}

impl Simulated {
    fn ask(binary: &Path, addresses: Addresses) -> Result<Self> {
        let output = simulate(binary, addresses).arg("--print-config").output()?;
        ensure!(output.status.success(), "no configuration: {}", String::from_utf8_lossy(&output.stderr));
        Self::read(&String::from_utf8(output.stdout).context("the simulator's configuration is no text")?)
    }

    fn read(printed: &str) -> Result<Self> {
        let secrets = printed.lines().filter_map(|line| line.strip_prefix("#   export ")?.split_once('='));
        let secrets: BTreeMap<_, _> = secrets.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        // They come last.
        let programs = printed.find(PROGRAM).and_then(|start| printed.get(start..)).unwrap_or_default().trim_end();
        ensure!(!secrets.is_empty() && !programs.is_empty(), "the simulator prints no program:\n{printed}");
        Ok(Self { secrets, programs: programs.to_owned() })
    }
}

/// The command of a run's simulator, without what only the running one is told.
fn simulate(binary: &Path, Addresses { site, simulator, .. }: Addresses) -> Command {
    let mut command = Command::new(binary);
    command
        .args(["simulate", "--pace", "demo", "--listen", &simulator.to_string()])
        .args(["--landing-url", &format!("http://{site}/")]);
    command
}

/// Whether to go on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

/// Runs until Ctrl-C. With `fresh`, the ledger of earlier runs is deleted first.
///
/// # Errors
/// A build fails, or a program ends or stays silent; the message then carries the end of its log.
pub(crate) fn run(workspace: &Workspace, fresh: bool) -> Result<()> {
    let interrupts = Interrupts::listen()?;
    let started = Instant::now();
    println!("The Trailmark demo: two builds, then the simulator and the proxy. Ctrl-C stops it at any time.");
    println!("The first build of a clone takes several minutes; what is built already is not built again.\n");
    let mut build_sdk = Command::new(std::env::current_exe()?);
    let mut build_binary = workspace.cargo();
    build_binary.args(["build", "--package", "trailmark-proxy", "--bin", "trailmark", "--target-dir"]);
    build_binary.arg(&workspace.target);
    for (what, command) in [
        ("step 1 of 4: building the browser module", build_sdk.arg("build-sdk")),
        ("step 2 of 4: building the trailmark binary", &mut build_binary),
    ] {
        progress(started, what);
        if build(what, command, &interrupts)? == Next::Stop {
            println!("stopped; what was built is kept");
            return Ok(());
        }
    }
    let place = Place::open(&workspace.target.join("demo"), fresh)?;
    let outcome = serve(workspace, &place, started, &interrupts);
    println!(
        "stopped; nothing is left running. Kept: ledger, simulator's state and logs in {}",
        place.folder.display()
    );
    println!("`cargo xtask demo` goes on with them, `cargo xtask demo --fresh` begins with empty ones");
    outcome
}

fn progress(started: Instant, what: &str) {
    println!("{:>6.1} s  {what}", started.elapsed().as_secs_f32());
}

/// Runs a build to its end, or kills it on Ctrl-C.
fn build(name: &'static str, command: &mut Command, interrupts: &Interrupts) -> Result<Next> {
    let mut group = Group::start(name, command, None)?;
    loop {
        match group.ended()? {
            Some(status) if status.success() => return Ok(Next::GoOn),
            Some(_) => bail!("{name}: the build failed; its messages stand above"),
            None if interrupts.within_tick() => {
                group.stop(STOP_GRACE, interrupts)?;
                return Ok(Next::Stop);
            }
            None => {}
        }
    }
}

/// The folder of a run with its ledger and logs, locked against a second demo while this value lives.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    /// Whether a ledger of an earlier run is there.
    has_ledger: bool,
    _lock: File,
}

impl Place {
    /// The first folder below `parent` that no other demo uses: `1`, else `2`, and so on; emptied when `fresh`. A lock
    /// ends with its process, however that ends.
    fn open(parent: &Path, fresh: bool) -> Result<Self> {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        for number in 1..=u8::MAX {
            let path = parent.join(format!("{number}.lock"));
            let lock = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
            match lock.try_lock() {
                Ok(()) => return Self::prepare(parent.join(number.to_string()), fresh, lock),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
        bail!("{} other demos run; stop one", u8::MAX)
    }

    fn prepare(folder: PathBuf, fresh: bool, lock: File) -> Result<Self> {
        if fresh && folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot delete {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { has_ledger: folder.join(LEDGER).exists(), folder, _lock: lock })
    }
}

/// Starts both programs, waits for the end of the demo, and stops them whatever that end was.
fn serve(workspace: &Workspace, place: &Place, started: Instant, interrupts: &Interrupts) -> Result<()> {
    let mut running = Vec::new();
    let outcome = run_both(workspace, place, started, interrupts, &mut running);
    // The proxy first: what it is sending still finds the vendors.
    for group in running.iter_mut().rev() {
        if !group.stop(STOP_GRACE, interrupts)? {
            println!("{} had to be killed", group.name);
        }
    }
    outcome
}

fn run_both(
    workspace: &Workspace,
    place: &Place,
    started: Instant,
    interrupts: &Interrupts,
    running: &mut Vec<Group>,
) -> Result<()> {
    let [site, operator, simulator] = free_ports(FIRST_PORTS)?.map(loopback);
    let addresses = Addresses { site, operator, simulator };
    let folder = place.folder.as_path();
    let binary = workspace.target.join("debug").join("trailmark");
    let mut start = |name, command: &mut Command, log, address, path| {
        progress(started, name);
        running.push(Group::start(name, command.current_dir(folder), Some(&folder.join(log)))?);
        wait_for(address, path, running, interrupts)
    };
    let mut simulate_on = simulate(&binary, addresses);
    simulate_on.args(["--state", VENDOR]);
    let step = "step 3 of 4: starting the simulator";
    if start(step, &mut simulate_on, "simulator.log", simulator, SHOP_KEYS)? == Next::Stop {
        return Ok(());
    }
    let Simulated { secrets, programs } = Simulated::ask(&binary, addresses)?;
    let order_keys = order_keys(&body_of(simulator, SHOP_KEYS)?)?;
    let config = folder.join("trailmark.toml");
    std::fs::write(&config, configuration(addresses, &order_keys, &programs, folder))?;
    let snippet = snippet(&binary, &config, &secrets)?;
    let www = open_shop(&workspace.root.join("www"), folder, &snippet, addresses)?;
    let mut serve = Command::new(&binary);
    serve
        .args(["serve", "--clock-url", &format!("http://{simulator}/control/clock"), "--config"])
        .arg(&config)
        .arg("--www")
        .arg(www)
        .envs(&secrets);
    if start("step 4 of 4: starting the proxy", &mut serve, "proxy.log", operator, "/readyz")? == Next::Stop {
        return Ok(());
    }
    progress(started, "ready: open the site and follow a partner's link");
    if place.has_ledger {
        println!(
            "\nLedger and simulator go on from an earlier run. `cargo xtask demo --fresh` begins with empty ones."
        );
    }
    println!(
        "\n  site         http://{site}/\n  ledger view  {}\n  simulator    http://{simulator}/",
        addresses.ledger()
    );
    println!("  explore      {} conversions list", quoted(&wrapper(folder, &config, &binary, &secrets)?));
    println!("  ledger, logs {}\n\nCtrl-C stops it and keeps them", folder.display());
    while !interrupts.within_tick() {
        fail_if_ended(running)?;
    }
    Ok(())
}

/// Writes a script for another terminal that runs any command of `trailmark` on this run's ledger and simulator.
fn wrapper(folder: &Path, config: &Path, binary: &Path, secrets: &BTreeMap<String, String>) -> Result<PathBuf> {
    let secrets: String = secrets.iter().map(|(name, value)| format!("export {name}={value}\n")).collect();
    let (config, binary) = (quoted(config), quoted(binary));
    let script = folder.join(WRAPPER);
    let text = format!(
        "#!/bin/sh\n# Written by `cargo xtask demo` for this run.\n{secrets}export TRAILMARK_CONFIG={config}\n\
         exec {binary} \"$@\"\n"
    );
    std::fs::write(&script, text)?;
    std::fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    Ok(script)
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// What a page of the shop needs, as `trailmark snippet` prints it: the part before the first empty line.
fn snippet(binary: &Path, config: &Path, secrets: &BTreeMap<String, String>) -> Result<String> {
    let output =
        Command::new(binary).args(["snippet", "--site", "acme", "--config"]).arg(config).envs(secrets).output()?;
    ensure!(output.status.success(), "no snippet: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).context("the snippet is no text")?;
    Ok(printed.split("\n\n").next().unwrap_or_default().to_owned())
}

/// Copies the pages of `www` and their parts into the run's folder, with the snippet pasted in where it is asked for,
/// and writes `demo.json`, which tells their script where the other parts are.
fn open_shop(www: &Path, folder: &Path, snippet: &str, addresses: Addresses) -> Result<PathBuf> {
    let shop = folder.join("www");
    std::fs::create_dir_all(&shop)?;
    let mut asked = false;
    for entry in std::fs::read_dir(www)? {
        let page = entry?.path();
        let copy = shop.join(page.file_name().unwrap_or_default());
        if page.extension().is_some_and(|extension| extension == "html") {
            let text = std::fs::read_to_string(&page)?;
            asked |= text.contains(SNIPPET_MARK);
            std::fs::write(copy, text.replace(SNIPPET_MARK, snippet))?;
        } else {
            std::fs::copy(&page, copy)?;
        }
    }
    ensure!(asked, "no page in {} has the line {SNIPPET_MARK}", www.display());
    let (simulator, ledger) = (addresses.simulator, addresses.ledger());
    let neighbours = serde_json::json!({ "simulator": format!("http://{simulator}"), "ledger": ledger });
    std::fs::write(shop.join("demo.json"), neighbours.to_string())?;
    Ok(shop)
}

/// Waits until `path` answers 200.
fn wait_for(address: SocketAddr, path: &str, running: &mut [Group], interrupts: &Interrupts) -> Result<Next> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        fail_if_ended(running)?;
        if answers(address, path) {
            return Ok(Next::GoOn);
        }
        if interrupts.within_tick() {
            return Ok(Next::Stop);
        }
        if Instant::now() > deadline {
            bail!("http://{address}{path} did not answer within {} s", START_LIMIT.as_secs());
        }
    }
}

fn fail_if_ended(running: &mut [Group]) -> Result<()> {
    for group in running {
        if let Some(status) = group.ended()? {
            bail!("{} ended with {status}; its last lines:\n{}", group.name, group.last_lines(20));
        }
    }
    Ok(())
}

fn answers(address: SocketAddr, path: &str) -> bool {
    get(address, path).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// What stands below the head of an answer that was 200.
fn body_of(address: SocketAddr, path: &str) -> Result<String> {
    let answer = get(address, path).with_context(|| format!("http://{address}{path} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "http://{address}{path} answered: {head}");
    Ok(body.to_owned())
}

/// A whole answer, which is small: head, empty line, body.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let limit = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MOST_ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The keys of a JWK set as a value of TOML, one inline table for each.
fn order_keys(jwks: &str) -> Result<String> {
    let jwks: BTreeMap<String, Vec<BTreeMap<String, String>>> =
        serde_json::from_str(jwks).context("the shop's backend publishes no JWK set")?;
    let keys = jwks.get("keys").filter(|keys| !keys.is_empty()).context("the shop's backend has no key")?;
    let table = |jwk: &BTreeMap<String, String>| {
        // Strings of TOML and of JSON are the same for what base64url and names can hold.
        let members: Vec<String> = jwk.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
        format!("{{ {} }}", members.join(", "))
    };
    Ok(format!("[{}]", keys.iter().map(table).collect::<Vec<_>>().join(", ")))
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// For each wanted port itself or the next free one after it, no port twice.
fn free_ports<const N: usize>(wanted: [u16; N]) -> Result<[u16; N]> {
    // Held until all are found, so that two searches that meet do not find the same port.
    let mut held = Vec::new();
    let mut ports = wanted;
    for port in &mut ports {
        let listener = (*port..=u16::MAX).find_map(|port| TcpListener::bind(loopback(port)).ok());
        let listener = listener.with_context(|| format!("no port from {port} on is free"))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// The proxy's settings; secrets only by the names of their variables. `order_keys` is a value of TOML, `programs` are its
/// tables.
fn configuration(addresses: Addresses, order_keys: &str, programs: &str, folder: &Path) -> String {
    let Addresses { site, operator, .. } = addresses;
    // In full, since the printed command reads this file from any folder.
    let ledger = format!("sqlite:{}", folder.join(LEDGER).display());
    format!(
        r#"# Written by `cargo xtask demo` for this run.
[server]
listen = "{site}"
public_url = "http://{site}"
mount = "/tm"
admin_listen = "{operator}"

[store]
url = {ledger:?}

[[sites]]
id = "acme"
public_url = "http://{site}"
origins = ["http://{site}"]
consent = "required"
signup_wait = "0s"
# Whoever tries all vendors signs up more often in one browser than customers do.
signups_per_visitor = 100
order_keys = {order_keys}

{programs}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_gives_way_to_the_next_free_one() {
        let taken = TcpListener::bind(loopback(0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let [first, second] = free_ports([port, port]).unwrap();
        assert!(first > port && second > first, "{port} {first} {second}");
    }

    // field-faults row 51
    #[test]
    fn the_demo_begins_at_no_port_that_a_page_of_the_docs_names() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        for page in crate::shell::files_under(&docs).unwrap() {
            let text = std::fs::read_to_string(&page).unwrap();
            let named: Vec<_> = FIRST_PORTS.iter().filter(|port| text.contains(&format!(":{port}"))).collect();
            assert!(named.is_empty(), "{}: {named:?}", page.display());
        }
    }

    // field-faults row 53
    #[test]
    fn a_ledger_is_kept_for_the_next_demo_until_a_fresh_one_and_a_second_demo_gets_a_folder_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let open = |fresh| Place::open(parent.path(), fresh).unwrap();
        let first = open(false);
        assert!(!first.has_ledger);
        std::fs::write(first.folder.join(LEDGER), "kept").unwrap();
        let beside = open(true);
        assert!(beside.folder != first.folder && first.folder.join(LEDGER).exists(), "a running demo loses nothing");
        let folder = first.folder.clone();
        drop(first);
        let again = open(false);
        assert!(again.has_ledger && again.folder == folder);
        drop(again);
        assert!(!open(true).has_ledger);
    }

    /// What the simulator prints, with fewer settings and with vendors of its own.
    const PRINTED: &str = "\
# A proxy before the local doubles. Set the secrets first:
#   export ALPHA_KEY=a_sim
#   export BETA_KEY=b=sim

[server]
listen = \"127.0.0.1:8787\"

[[sites]]
id = \"acme\"

[[sites.programs]]
id = \"main\"
key = \"env:ALPHA_KEY\"
# dialect = \"guide\"

[[sites.programs]]
id = \"beta\"
key = \"env:BETA_KEY\"
# dialect = \"guide\"
";

    #[test]
    fn the_demo_has_every_program_and_secret_that_the_simulator_prints() {
        let Simulated { secrets, programs } = Simulated::read(PRINTED).unwrap();
        assert_eq!(
            programs,
            "[[sites.programs]]\nid = \"main\"\nkey = \"env:ALPHA_KEY\"\n# dialect = \"guide\"\n\n\
             [[sites.programs]]\nid = \"beta\"\nkey = \"env:BETA_KEY\"\n# dialect = \"guide\""
        );
        let secrets: Vec<_> = secrets.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(secrets, [("ALPHA_KEY", "a_sim"), ("BETA_KEY", "b=sim")]);
        assert!(Simulated::read("[server]\n").unwrap_err().to_string().contains("prints no program"));
    }

    #[test]
    fn the_configuration_names_the_chosen_ports_and_no_secret() {
        let addresses = Addresses { site: loopback(1), operator: loopback(2), simulator: loopback(3) };
        let Simulated { secrets, programs } = Simulated::read(PRINTED).unwrap();
        let text = configuration(addresses, r#"[{ kid = "demo" }]"#, &programs, Path::new("/runs/1"));
        assert!(text.contains("url = \"sqlite:/runs/1/trailmark.db\"\n"), "{text}");
        assert!(text.contains("order_keys = [{ kid = \"demo\" }]\n"), "{text}");
        assert!(text.contains("listen = \"127.0.0.1:1\"") && text.contains("admin_listen = \"127.0.0.1:2\""));
        for (name, secret) in secrets {
            assert!(text.contains(&format!("env:{name}")) && !text.contains(&secret));
        }
    }

    #[test]
    fn the_script_of_a_run_passes_configuration_secrets_and_arguments_on() {
        let folder = tempfile::tempdir().unwrap();
        let config = Path::new("/runs/it's/trailmark.toml");
        let secrets = Simulated::read(PRINTED).unwrap().secrets;
        let script = wrapper(folder.path(), config, Path::new("/usr/bin/env"), &secrets).unwrap();
        let output = Command::new(script).arg("printenv").output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains("TRAILMARK_CONFIG=/runs/it's/trailmark.toml\n"), "{printed}");
        for (name, value) in secrets {
            assert!(printed.contains(&format!("{name}={value}\n")), "{name}");
        }
    }

    #[test]
    fn published_keys_become_one_line_of_the_configuration_and_their_absence_an_error() {
        let published = r#"{"keys":[{"x":"Jz1j_-A","kty":"OKP"},{"kid":"two"}]}"#;
        assert_eq!(order_keys(published).unwrap(), r#"[{ kty = "OKP", x = "Jz1j_-A" }, { kid = "two" }]"#);
        for nothing in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"x":1}]}"#] {
            assert!(order_keys(nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn the_shop_gets_the_snippet_and_its_neighbours_addresses() {
        let folder = std::env::temp_dir().join(format!("trailmark-shop-{}", std::process::id()));
        let www = folder.join("source");
        std::fs::create_dir_all(&www).unwrap();
        std::fs::write(www.join("index.html"), format!("<head>{SNIPPET_MARK}</head>")).unwrap();
        std::fs::write(www.join("site.js"), SNIPPET_MARK).unwrap();
        let addresses = Addresses { site: loopback(1), operator: loopback(2), simulator: loopback(3) };
        let shop = open_shop(&www, &folder, "<script></script>", addresses).unwrap();
        let read = |name: &str| std::fs::read_to_string(shop.join(name)).unwrap();
        assert_eq!(read("index.html"), "<head><script></script></head>");
        assert_eq!(read("site.js"), SNIPPET_MARK);
        assert!(
            read("demo.json").contains("http://127.0.0.1:3")
                && read("demo.json").contains("http://127.0.0.1:2/?vendor=")
        );
        std::fs::write(www.join("_head.html"), SNIPPET_MARK).unwrap();
        std::fs::write(www.join("index.html"), "<!-- include _head.html -->").unwrap();
        open_shop(&www, &folder, "<script></script>", addresses).unwrap();
        assert_eq!(
            (read("_head.html"), read("index.html")),
            ("<script></script>".into(), "<!-- include _head.html -->".into())
        );
        std::fs::write(www.join("_head.html"), "no mark").unwrap();
        let error = open_shop(&www, &folder, "", addresses).unwrap_err().to_string();
        assert!(error.contains(SNIPPET_MARK), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_listener_that_answers_something_else_is_not_ready_and_of_a_good_answer_the_body_is_read() {
        let listener = TcpListener::bind(loopback(0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            for answer in ["503 Service Unavailable", "200 OK", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 256];
                let _ = stream.read(&mut request).unwrap();
                write!(stream, "HTTP/1.1 {answer}\r\nVary: origin\r\n\r\nkeys\r\n\r\nmore").unwrap();
            }
        });
        assert!(!answers(address, "/readyz"));
        assert!(answers(address, "/readyz"));
        assert_eq!(body_of(address, "/keys").unwrap(), "keys\r\n\r\nmore");
        server.join().unwrap();
        assert!(!answers(address, "/readyz"));
        assert!(body_of(address, "/keys").unwrap_err().to_string().contains("does not answer"));
    }
}
