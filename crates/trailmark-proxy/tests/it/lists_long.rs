//! Long lists of every vendor: the real binary reads ten thousand partners or users from the running simulator while a
//! twentieth of them leaves and as many join, is interrupted and goes on, and ends where a vendor's list has no end.
//!
//! No clock is involved: the simulator changes a list after each of its pages. Memory is the kernel's own peak of the
//! process (`VmHWM`), so these tests need Linux.

use std::collections::{BTreeSet, HashSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use trailmark_vendors::Dialect;

use super::endpoints::{Place, Stage};
use super::support::operator::{Desk, Ran};
use super::{endpoints_introw, endpoints_partnerize, endpoints_partnero, endpoints_partnerstack};

/// What two lists of different lengths may differ in at their peak, in KiB: ten thousand records would be ten times as much.
const SPREAD_KIB: u64 = 3 * 1024;

/// A list of a vendor.
struct Long {
    place: Place,
    /// Its name in commands and control routes.
    noun: &'static str,
    /// The control routes' name of the vendor.
    double: &'static str,
    /// Items of a page.
    page: usize,
    /// Whether a page begins after an item, not after a number of items: then nobody is missed who stays.
    by_item: bool,
}

fn long(place: Place, page: usize, by_item: bool) -> Long {
    Long { place, noun: "partners", double: place.vendor, page, by_item }
}

fn partnerstack(dialect: Dialect) -> Long {
    let page = if dialect == Dialect::Guide { 100 } else { 250 };
    long(endpoints_partnerstack::place(dialect), page, true)
}

fn introw() -> Long {
    long(endpoints_introw::place(Dialect::Current), 100, true)
}

fn partnerize() -> Long {
    long(endpoints_partnerize::place(Dialect::Current), 100, false)
}

fn partnerize_users() -> Long {
    Long { noun: "users", ..long(endpoints_partnerize::place(Dialect::Guide), 100, false) }
}

fn partnero() -> Long {
    long(endpoints_partnero::place(Dialect::Current), 100, false)
}

/// A list that was read to its end.
struct Listed {
    ids: Vec<String>,
    peak_kib: u64,
}

impl Listed {
    fn set(&self) -> BTreeSet<&str> {
        let set: BTreeSet<&str> = self.ids.iter().map(String::as_str).collect();
        assert_eq!(set.len(), self.ids.len(), "nobody is printed twice");
        set
    }
}

impl Long {
    fn words(&self) -> String {
        format!("{} list --json", self.noun)
    }

    async fn change(&self, stage: &Stage, add: usize, remove: usize, after_each_page: bool) {
        let account = self.place.account;
        let body = json!({ "add": add, "remove": remove, "after_each_page": after_each_page, "account": account });
        stage.control(&format!("{}/{}", self.double, self.noun), body.to_string()).await;
    }

    /// A stage whose list has so many items.
    async fn of(&self, count: usize) -> Stage {
        let stage = Stage::at(self.place).await;
        self.fill(&stage, count).await;
        stage
    }

    async fn fill(&self, stage: &Stage, count: usize) {
        let now = self.read(stage).await.ids.len();
        self.change(stage, count - now, 0, false).await;
    }

    async fn read(&self, stage: &Stage) -> Listed {
        self.read_by(stage, &self.words()).await
    }

    /// The whole list, in a minute of its own: a vendor's limit is not what is tested.
    async fn read_by(&self, stage: &Stage, words: &str) -> Listed {
        stage.control("clock", json!({ "advance_ms": 60_000 }).to_string()).await;
        let mut child = started(&stage.desk, words);
        let (mut ids, mut peak_kib) = (Vec::new(), 0);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            ids.push(id(&line.unwrap()));
            if ids.len().is_multiple_of(50) {
                peak_kib = peak(&child).unwrap_or(peak_kib);
            }
        }
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{}: {err}", self.place.account);
        Listed { ids, peak_kib }
    }

    /// Ten thousand are read while they change.
    async fn holds(&self) {
        let name = self.place.account;
        let stage = self.of(1_000).await;
        let short = self.read(&stage).await;
        self.fill(&stage, 10_000).await;
        let calm = self.read(&stage).await;
        assert_eq!((short.ids.len(), calm.ids.len()), (1_000, 10_000), "{name}");

        let each = 500 / (10_000 / self.page) + 1;
        self.change(&stage, each, each, true).await;
        let changing = self.read(&stage).await;
        self.change(&stage, 0, 0, true).await;
        let after = self.read(&stage).await;
        let (start, end, seen) = (calm.set(), after.set(), changing.set());
        let left = start.difference(&end).count();
        assert!((400..=700).contains(&left) && end.len() == 10_000, "{name}: {left} left, {} are there", end.len());
        let missed: Vec<_> = start.intersection(&end).filter(|id| !seen.contains(*id)).collect();
        let most = if self.by_item { 0 } else { left };
        assert!(missed.len() <= most, "{name}: of those who stay {} are missed: {missed:?}", missed.len());

        let peaks = [&short, &calm, &changing].map(|list| list.peak_kib);
        assert!(peaks[0] > 0 && peaks.iter().all(|peak| *peak < peaks[0] + SPREAD_KIB), "{name}: {peaks:?} KiB");
    }

    /// An interrupted list goes on where it ended, as often as it is interrupted.
    async fn goes_on(&self) {
        let stage = self.of(4_000).await;
        let all = self.read(&stage).await;
        let wanted = 3_900;
        stage.control("clock", json!({ "advance_ms": 60_000 }).to_string()).await;
        let first = interrupted(started(&stage.desk, &format!("{} --limit {wanted}", self.words())));
        let again = way_on(&first);
        let left = wanted - ids(&first).len();
        assert!(again.contains(&format!("--limit {left} --from ")) && again.matches("--limit").count() == 1, "{again}");
        assert!(first.err.contains(&format!("after {} {}, go on with:", ids(&first).len(), self.noun)), "{first:?}");

        let words: Vec<_> = again.split_whitespace().map(|word| word.trim_matches('\'')).collect();
        let second = interrupted(started(&stage.desk, &words[1..].join(" ")));
        let last = stage.desk.shell(&way_on(&second));
        let read: Vec<String> = [first, second].iter().flat_map(ids).chain(ids(&last)).collect();
        assert_eq!(last.code, Some(0), "{last:?}");
        assert_eq!(read, all.ids[..wanted], "{}: no gap, and nothing twice", self.place.account);
    }
}

fn id(line: &str) -> String {
    let item: Value = serde_json::from_str(line).unwrap();
    item.get("id").unwrap_or(&item["key"]).as_str().unwrap().to_owned()
}

fn ids(ran: &Ran) -> Vec<String> {
    ran.out.lines().map(id).collect()
}

fn started(desk: &Desk, words: &str) -> Child {
    desk.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The most memory that a process has had, in KiB; `None` once it has ended.
fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

/// Interrupts a list after its first page: the process waits for its reader then, since a pipe holds less than the list.
fn interrupted(mut child: Child) -> Ran {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..260 {
        out.read_line(&mut text).unwrap();
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    out.read_to_string(&mut text).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(130), "{err}");
    Ran { words: "an interrupted list".to_owned(), code, out: text, err }
}

/// The command that an interrupted list prints.
fn way_on(ran: &Ran) -> String {
    let line = ran.err.lines().find_map(|line| line.trim().strip_prefix("trailmark "));
    format!("trailmark {}", line.unwrap_or_else(|| panic!("{ran:?}")))
}

macro_rules! each_list {
    ($($name:ident: $long:expr;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn ten_thousand_are_listed_in_flat_memory_while_a_twentieth_comes_and_goes() {
                $long.holds().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn an_interrupted_list_says_how_to_go_on_and_goes_on_without_a_gap() {
                $long.goes_on().await;
            }
        }
    )*};
}

each_list! {
    of_partnerstack: partnerstack(Dialect::Current);
    of_partnerstack_in_the_guide: partnerstack(Dialect::Guide);
    of_partnerize: partnerize();
    of_partnerize_users: partnerize_users();
    of_introw: introw();
    of_partnero: partnero();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_when_the_item_after_which_a_page_begins_is_gone() {
    let words = ["partners list --json", "partnerships list --profiles --json"];
    for (dialect, words) in Dialect::ALL.into_iter().flat_map(|dialect| words.map(|words| (dialect, words))) {
        let long = partnerstack(dialect);
        let stage = long.of(1_200).await;
        let start = long.read(&stage).await;
        long.change(&stage, 0, long.page * 6 / 10, true).await;
        let before = stage.logged("requests").await.len();
        let seen = long.read_by(&stage, words).await;
        long.change(&stage, 0, 0, true).await;
        let end = long.read(&stage).await;
        let refused = stage.logged("requests").await.split_off(before).iter().any(|entry| entry["status"] == 400);
        assert!(refused, "{} {words}: an item that a page begins after was gone", long.place.account);
        assert!(seen.set().is_superset(&end.set()) && end.ids.len() < start.ids.len());
    }
}

/// A server that shows the same page for ever, whatever is asked for.
fn endless(body: &'static str) -> Desk {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = BufReader::new(connection.unwrap());
            let mut line = String::new();
            while connection.read_line(&mut line).is_ok_and(|count| count > 2) {
                line.clear();
            }
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let _gone = write!(connection.get_mut(), "{head}content-length: {length}\r\n\r\n{body}");
        }
    });
    let place = endpoints_partnero::place(Dialect::Current);
    let settings = place.settings.replace("ROOT", &format!("http://{address}"));
    let toml = format!(
        "[[sites]]\nid = \"acme\"\norigins = [\"http://127.0.0.1:8787\"]\n\n[[sites.programs]]\nid = \"main\"\n\
         vendor = \"partnero\"\n{settings}"
    );
    Desk::with(&toml, place.secrets.iter().map(|(name, secret)| (*name, (*secret).to_owned())).collect())
}

#[test]
fn a_list_that_shows_the_same_page_for_ever_ends() {
    let body =
        r#"{"data":[{"id":"p_1","key":"a","email":"a@x.example"}],"links":{"next":"http://x/?page=2"},"status":1}"#;
    let ran = endless(body).run("partners list --json");
    assert_eq!((ran.code, ran.out.lines().count()), (Some(4), 1), "{ran:?}");
    assert!(ran.err.contains("the list has no end"), "{ran:?}");
    let ids: HashSet<_> = ids(&ran).into_iter().collect();
    assert_eq!(ids, HashSet::from(["p_1".to_owned()]));
}
