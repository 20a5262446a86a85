//! The commands that ask a vendor: their nouns, verbs and flags come from the tables of all vendors in both dialects. This
//! file builds clap's commands from them, and finds what the program's vendor makes of a call. Nothing passes through the
//! ledger. `typed` reads the values, `account` sends the requests, `records` prints what comes back. Three verbs are made of a
//! vendor's command: `import` of `add` (in `import`), `audit` and `watch` of `list` (in `people`).
//!
//! Where the ledger has the same noun and verb, the vendor's verb gets `vendor-` before it: `webhooks vendor-list`.

use std::io::{self, IsTerminal as _, Write as _};

use clap::{Arg, ArgAction, ArgMatches, Args as _, FromArgMatches as _, value_parser};
use trailmark_vendors::command::{Ask, Command, Effect, FROM, Input, InputKind, Lack, Reply, Value, Values};
use trailmark_vendors::exchange::Request;
use trailmark_vendors::secret::Secret;
use trailmark_vendors::{Dialect, EMAIL, VENDORS, Vendor, title};

use super::account::{Account, AccountArgs, End};
use super::failure::Failure;
use super::output;
use super::records::{self, Listing};
use super::typed::{fitting, value};
use super::way_on::{self, WayOn};
use super::{import, people};
use crate::config::{Overrides, Program};

/// The id of the key among the arguments; no flag has capitals.
const KEY: &str = "KEY";

/// What to do where the vendor refuses the page of `--from`.
const BEGIN_AGAIN: &str =
    "leave out --from to begin again: the item after which that page begins may have left the list";

/// What is made of a vendor's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// Of `list`: who is in the list and not in a file, and the other way round.
    Audit,
    /// Of `add`: adds the rows of a file.
    Import,
    /// Of `list`: what changes from look to look.
    Watch,
}

/// The things that are people or have them.
const PEOPLE: [&str; 2] = ["partners", "users"];

/// A noun and a verb, with the vendors that offer them, and those that do not and say why.
#[derive(Clone)]
struct Words {
    noun: &'static str,
    verb: &'static str,
    /// The verb is made of the vendors' command.
    made: Option<Made>,
    offers: Vec<Offered>,
    lacks: Vec<(&'static str, &'static Lack)>,
}

/// A command of one vendor in one dialect.
#[derive(Clone)]
struct Offered {
    vendor: &'static dyn Vendor,
    dialect: Dialect,
    command: &'static Command,
}

/// A call of a vendor's command, as it was typed.
pub(super) struct Asked {
    words: Words,
    matches: ArgMatches,
}

/// What a program's account makes of a call.
struct Call<'a> {
    program: &'a Program,
    command: &'static Command,
    values: Values,
    args: &'a AccountArgs,
}

/// The command line with the vendors' commands.
pub(super) fn added(own: &clap::Command) -> clap::Command {
    let mut all = own.clone();
    for words in all_words() {
        if all.find_subcommand(words.noun).is_none() {
            let group = clap::Command::new(words.noun).subcommand_required(true).arg_required_else_help(true);
            all = all.subcommand(group.about(about(words.noun)).hide(true));
        }
        let (verb, is_offered) = (words.parser(&words.typed(own)), !words.offers.is_empty());
        all = all.mut_subcommand(words.noun, |group| {
            let is_hidden = group.is_hide_set() && !is_offered;
            group.subcommand(verb).hide(is_hidden)
        });
    }
    all
}

/// What a group of commands is for.
fn about(noun: &str) -> String {
    let verbs = all_words().into_iter().filter(|words| words.noun == noun && !words.offers.is_empty());
    let verbs: Vec<_> = verbs.map(|words| words.verb).collect();
    format!("At the vendor, {noun}: {}", verbs.join(", "))
}

/// The vendors' command that was called, if one was.
pub(super) fn asked(own: &clap::Command, mut matches: ArgMatches) -> Result<Asked, ArgMatches> {
    let typed = |words: &Words| {
        let (noun, group) = matches.subcommand()?;
        (noun == words.noun && group.subcommand_name()? == words.typed(own)).then_some(())
    };
    let Some(words) = all_words().into_iter().find(|words| typed(words).is_some()) else { return Err(matches) };
    let verb = matches.remove_subcommand().and_then(|(_, mut group)| group.remove_subcommand());
    Ok(Asked { words, matches: verb.map(|(_, matches)| matches).unwrap_or_default() })
}

/// Every noun and verb, in the order of the vendors' tables.
fn all_words() -> Vec<Words> {
    let mut all: Vec<Words> = Vec::new();
    for vendor in VENDORS {
        for dialect in Dialect::ALL {
            for command in vendor.commands(dialect) {
                let offered = Offered { vendor, dialect, command };
                put(&mut all, command.noun, command.verb, |words| words.offers.push(offered));
            }
        }
        for lack in vendor.lacking() {
            put(&mut all, lack.noun, lack.verb, |words| words.lacks.push((vendor.name(), lack)));
        }
    }
    let made: Vec<Words> = all.iter().flat_map(Words::made_of).collect();
    all.extend(made);
    all
}

/// The verbs that are made of a vendor's command, each with what it does with the command.
fn made_of(vendor: &dyn Vendor, command: &Command) -> &'static [(Made, &'static str, &'static str)] {
    match command.verb {
        "add" if vendor.imports().iter().any(|import| import.noun == command.noun) => {
            &[(Made::Import, "import", "`add` for each row of a file")]
        }
        "list" if PEOPLE.contains(&command.noun) => {
            &[(Made::Audit, "audit", "`list`, compared with a file"), (Made::Watch, "watch", "`list`, again and again")]
        }
        _ => &[],
    }
}

/// What a vendor offers in a dialect: the command, the verb (its own, or one that is made of it), and which calls it makes.
pub(super) fn offered(vendor: &dyn Vendor, dialect: Dialect) -> Vec<(&'static Command, &'static str, &'static str)> {
    let with_made = |command: &'static Command| {
        let made = made_of(vendor, command).iter();
        let own = (command, command.verb, command.calls);
        [own].into_iter().chain(made.map(move |(_, verb, how)| (command, *verb, *how)))
    };
    vendor.commands(dialect).into_iter().flat_map(with_made).collect()
}

fn put(all: &mut Vec<Words>, noun: &'static str, verb: &'static str, change: impl FnOnce(&mut Words)) {
    if let Some(words) = all.iter_mut().find(|words| (words.noun, words.verb) == (noun, verb)) {
        return change(words);
    }
    let mut words = Words { noun, verb, made: None, offers: Vec::new(), lacks: Vec::new() };
    change(&mut words);
    all.push(words);
}

impl Offered {
    fn input(&self, name: &str) -> Option<&'static Input> {
        self.command.inputs.iter().find(|input| input.name == name)
    }
}

impl Words {
    /// The verbs that are made of this one.
    fn made_of(&self) -> Vec<Self> {
        let made =
            self.offers.iter().map(|offered| made_of(offered.vendor, offered.command)).max_by_key(|made| made.len());
        let made = made.unwrap_or_default().iter();
        made.map(|(made, verb, _)| Self { verb, made: Some(*made), ..self.clone() }).collect()
    }

    /// The verb, as it is typed.
    fn typed(&self, own: &clap::Command) -> String {
        let taken = own.find_subcommand(self.noun).and_then(|group| group.find_subcommand(self.verb));
        if taken.is_some() { format!("vendor-{}", self.verb) } else { self.verb.to_owned() }
    }

    fn parser(&self, verb: &str) -> clap::Command {
        let parser = AccountArgs::augment_args(clap::Command::new(verb.to_owned()));
        let Some(Offered { command, .. }) = self.offers.first() else {
            // Whatever follows is refused with the reason.
            return parser.about("Offered by no vendor").hide(true).arg(Arg::new(KEY).num_args(0..));
        };
        let flags =
            |parser| self.names().into_iter().fold(parser, |parser: clap::Command, name| parser.arg(self.flag(name)));
        match self.made {
            Some(Made::Audit) => {
                let by = self.matched_by();
                let about = format!("Say which {} a file lacks, by {by}, and which lines nobody has", self.noun);
                return flags(people::Audit::augment_args(parser)).about(about);
            }
            Some(Made::Import) => {
                let about =
                    "Add the rows of a file one after the other; a second run goes on where the first one ended";
                return import::Import::augment_args(parser).about(about);
            }
            Some(Made::Watch) => {
                let about =
                    format!("Look again and again, and print which {} are added, changed and removed", self.noun);
                return flags(people::Watch::augment_args(parser)).about(about);
            }
            None => {}
        }
        let summaries = self.told(|offered| Some(offered.command.summary)).unwrap_or_default();
        let parser = parser.about(command.summary).long_about(summaries);
        let mut parser = parser.arg(switch("dry-run", "Print the request and send nothing"));
        if let Some(key) = self.told(|offered| offered.command.key) {
            let is_needed = self.offers.iter().all(|offered| offered.command.key.is_some());
            let key = Arg::new(KEY).value_name(KEY).help(key).required(is_needed);
            parser = parser.arg(key.value_parser(|text: &str| fitting(text, 255)));
        }
        if command.effect == Effect::Reads && command.verb != "get" {
            let limit = Arg::new("limit").long("limit").value_name("N").value_parser(value_parser!(u64).range(1..));
            let from = Arg::new(FROM.name).long(FROM.name).value_name("NAME=VALUE").action(ArgAction::Append);
            parser = parser.arg(limit.help("Print at most this many [default: all]")).arg(from.help(FROM.purpose));
        }
        if self.offers.iter().any(|offered| matches!(offered.command.effect, Effect::Destroys { .. })) {
            parser = parser.arg(switch("yes", "Go on without asking"));
        }
        flags(parser)
    }

    /// The field by which an audit matches people, and the vendors that have another one.
    fn matched_by(&self) -> String {
        let others = self.offers.iter().map(|offered| offered.vendor).filter(|vendor| vendor.matched_by() != EMAIL);
        let mut others: Vec<_> =
            others.map(|vendor| format!("{} at {}", vendor.matched_by(), vendor.title())).collect();
        // A vendor offers it in each dialect.
        others.dedup();
        let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        format!("e-mail address{others}")
    }

    /// The inputs of all vendors.
    fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for input in self.offers.iter().flat_map(|offered| offered.command.inputs) {
            if !names.contains(&input.name) {
                names.push(input.name);
            }
        }
        names
    }

    fn taking(&self, name: &str) -> Vec<(&Offered, &'static Input)> {
        self.offers.iter().filter_map(|offered| Some((offered, offered.input(name)?))).collect()
    }

    /// What the vendors say of something: the one text of all of them, or each text with the vendors that it is true of.
    fn told(&self, text: impl Fn(&Offered) -> Option<&'static str>) -> Option<String> {
        let all: Vec<_> = self.offers.iter().map(&text).collect();
        let mut texts: Vec<&str> = Vec::new();
        for text in all.iter().flatten() {
            if !texts.contains(text) {
                texts.push(text);
            }
        }
        let of = |one: &&str| format!("{one} ({})", self.those(|offered| text(offered) == Some(*one)));
        match texts.as_slice() {
            [] => None,
            [one] if !all.contains(&None) => Some((*one).to_owned()),
            _ => Some(texts.iter().map(of).collect::<Vec<_>>().join("; ")),
        }
    }

    fn flag(&self, name: &'static str) -> Arg {
        let taking = self.taking(name);
        let Some((_, Input { kind, .. })) = taking.first() else { return Arg::new(name) };
        let is_needed = taking.iter().all(|(_, input)| input.is_needed);
        let purposes = self.told(|offered| offered.input(name).map(|input| input.purpose)).unwrap_or_default();
        let help = format!("{purposes}{}", if is_needed { " (needed)" } else { "" });
        let flag = Arg::new(name).long(typed_flag(name)).help(help);
        match kind {
            InputKind::Address => flag.value_name("ADDRESS, env:NAME or -"),
            InputKind::Choice(words) => flag.value_name(words.join("|")),
            InputKind::Flag => flag.action(ArgAction::SetTrue),
            InputKind::Number => flag.value_name("NUMBER").allow_negative_numbers(true),
            InputKind::Pairs => flag.value_name("NAME=VALUE").action(ArgAction::Append),
            InputKind::Secret => flag.value_name("env:NAME or -"),
            InputKind::Text => flag.value_name("TEXT"),
            InputKind::Texts => flag.value_name("TEXT").action(ArgAction::Append),
            InputKind::Time => flag.value_name("TIME"),
        }
    }

    /// The vendors of which something is true: `PartnerStack: dialect current`.
    fn those(&self, is_true: impl Fn(&Offered) -> bool) -> String {
        let told = VENDORS.into_iter().filter_map(|vendor| {
            let of_vendor = |offered: &&Offered| offered.vendor.name() == vendor.name();
            let all: Vec<_> = self.offers.iter().filter(of_vendor).collect();
            let taken: Vec<_> = all.iter().filter(|offered| is_true(offered)).map(|offered| offered.dialect).collect();
            match taken.as_slice() {
                [] => None,
                [one] if all.len() > 1 => Some(format!("{}: dialect {}", vendor.title(), one.as_str())),
                _ => Some(vendor.title().to_owned()),
            }
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// What a vendor makes of the words in a dialect.
    fn command(&self, vendor: &'static str, dialect: Dialect) -> Result<&'static Command, Failure> {
        let of_vendor = || self.offers.iter().filter(|offered| offered.vendor.name() == vendor);
        if let Some(offered) = of_vendor().find(|offered| offered.dialect == dialect) {
            return Ok(offered.command);
        }
        let lack = self.lacks.iter().find(|(name, _)| *name == vendor).map(|(_, lack)| lack.why.to_owned());
        let other = || of_vendor().next().map(|other| format!("only dialect {} has it", other.dialect.as_str()));
        let why = lack.or_else(other).unwrap_or_else(|| format!("it has no `{} {}`", self.noun, self.verb));
        let (name, dialect) = (title(vendor), dialect.as_str());
        Err(Failure::usage(format!("unsupported by {name} in dialect {dialect}: {why}")))
    }
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
}

pub(super) fn typed_flag(name: &str) -> String {
    name.replace('_', "-")
}

impl Asked {
    pub(super) async fn run(self, way_on: &WayOn) -> Result<(), Failure> {
        let usage = |error: clap::Error| Failure::usage(error.to_string());
        let args = AccountArgs::from_arg_matches(&self.matches).map_err(usage)?;
        let config = args.file.load()?;
        let program = args.chosen(&config)?;
        let command = self.words.command(program.vendor.as_str(), program.dialect)?;
        if self.words.made == Some(Made::Import) {
            let import = import::Import::from_arg_matches(&self.matches).map_err(usage)?;
            return import.run(program, command, args.format).await;
        }
        let values = self.values(command, program)?;
        match self.words.made {
            Some(Made::Audit) => {
                let audit = people::Audit::from_arg_matches(&self.matches).map_err(usage)?;
                return audit.run(program, command, &values, args.format).await;
            }
            Some(Made::Watch) => {
                let watch = people::Watch::from_arg_matches(&self.matches).map_err(usage)?;
                return watch.run(program, command, &values, args.format).await;
            }
            Some(Made::Import) | None => {}
        }
        let is_dry = self.matches.get_flag("dry-run");
        if let Effect::Destroys { follows } = command.effect
            && !is_dry
            && !self.matches.get_flag("yes")
        {
            confirm(follows)?;
        }
        let limit = self.matches.try_get_one("limit").ok().flatten().copied();
        let call = Call { program, command, values, args: &args };
        if is_dry { call.shown() } else { call.made(limit, way_on).await }
    }

    /// The values as this command takes them.
    fn values(&self, command: &Command, program: &Program) -> Result<Values, Failure> {
        let key = self.matches.try_get_one::<String>(KEY).ok().flatten().cloned().unwrap_or_default();
        let mut values = Values { key, ..Values::default() };
        if let Ok(Some(from)) = self.matches.try_get_many::<String>(FROM.name) {
            let place = value(&FROM, &from.cloned().collect::<Vec<_>>());
            values.flags.insert(FROM.name, place.map_err(|why| Failure::usage(format!("--{}: {why}", FROM.name)))?);
        }
        for name in self.words.names() {
            if self.matches.value_source(name) != Some(clap::parser::ValueSource::CommandLine) {
                continue;
            }
            let flag = typed_flag(name);
            let Some(input) = command.inputs.iter().find(|input| input.name == name) else {
                let (vendor, dialect) = (title(program.vendor.as_str()), program.dialect.as_str());
                let takers = self.words.those(|offered| offered.input(name).is_some());
                let text = format!("--{flag} is not for {vendor} in dialect {dialect}, but for {takers}; leave it out");
                return Err(Failure::usage(text));
            };
            let given: Vec<String> = match input.kind {
                InputKind::Flag => Vec::new(),
                _ => self.matches.get_many::<String>(name).into_iter().flatten().cloned().collect(),
            };
            let value = value(input, &given).map_err(|why| Failure::usage(format!("--{flag}: {why}")))?;
            values.flags.insert(input.name, value);
        }
        Ok(values)
    }
}

/// Asks on a terminal; elsewhere only `--yes` confirms.
fn confirm(follows: &str) -> Result<(), Failure> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::usage(format!("{follows}; add --yes to confirm")));
    }
    let _ = write!(io::stderr().lock(), "{follows}. Go on? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    match read.map(|_| answer.trim().to_lowercase()).as_deref() {
        Ok("y" | "yes") => Ok(()),
        _ => Err(Failure::request("nothing was sent")),
    }
}

impl Call<'_> {
    /// Follows the requests to the end, and prints what comes back.
    async fn made(&self, limit: Option<u64>, way_on: &WayOn) -> Result<(), Failure> {
        let account = Account::open(self.program)?;
        let (first, ask) = self.first(&account)?;
        let mut listing = Listing::of(self.command, self.args.format.json, limit);
        let reads = self.command.effect == Effect::Reads;
        let mut has_begun = false;
        let page = |items, next: Option<&Request>| {
            has_begun = true;
            let goes = listing.print(items)?;
            let next = next.filter(|_| reads && goes.on());
            let place = next.and_then(|next| way_on::place(&first, &next.url));
            way_on.leads(place, &listing.so_far(), limit.map(|_| listing.left()));
            Ok(goes)
        };
        match account.follow(ask, reads, page).await {
            Ok(Some(record)) => output::value(&record, self.args.format, records::facts),
            Ok(None) => listing.end(),
            Err(trouble) => {
                if trouble.end == End::Endless {
                    way_on.leads(None, "", None);
                }
                // No earlier page is known to which the list could go back.
                let is_lost = matches!(trouble.end, End::Missing | End::Refused) && !has_begun;
                match is_lost && self.values.has(FROM.name) {
                    true => Err(trouble.failure.with(BEGIN_AGAIN)),
                    false => Err(trouble.failure),
                }
            }
        }
    }

    /// The address of the list's or command's first request, and the request with which this call begins.
    fn first(&self, account: &Account) -> Result<(Secret, Ask<Reply>), Failure> {
        let mut ask = account.start(self.command, &self.values)?;
        let first = ask.request.url.clone();
        if let Some(place) = self.values.pairs(FROM.name) {
            let moved = way_on::moved(&first, place);
            ask.request.url = moved.ok_or_else(|| Failure::usage(format!("--{}: no such page", FROM.name)))?;
        }
        Ok((first, ask))
    }

    /// Prints the first request without what is secret in it.
    fn shown(&self) -> Result<(), Failure> {
        let account = Account::open(self.program)?;
        let request = self.first(&account)?.1.request;
        output::note(&format!("not sent; the command makes these calls: {}", self.command.calls));
        output::line(&rendered(&request, &secrets(self.program, &self.values)))
    }
}

/// The secrets of a program, and those that were given.
fn secrets(program: &Program, values: &Values) -> Vec<Secret> {
    let overrides = Overrides::from_process();
    let own = program.secrets.values().filter_map(|named| named.read(&overrides).ok());
    let given = values.flags.values().filter_map(|value| match value {
        Value::Secret(secret) => Some(secret.clone()),
        _ => None,
    });
    own.chain(given).collect()
}

/// A request as text. Of the headers only those are shown that say what the body is.
fn rendered(request: &Request, secrets: &[Secret]) -> String {
    let mut text = format!("{} {}", request.method.as_str(), request.url.expose());
    for (name, value) in &request.headers {
        let is_plain = matches!(*name, "accept" | "content-type");
        text.push_str(&format!("\n{name}: {}", if is_plain { value.expose() } else { "[redacted]" }));
    }
    if let Some(body) = &request.body {
        text.push_str(&format!("\n\n{}", String::from_utf8_lossy(body)));
    }
    let encoded = |secret: &str| url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
    let in_json = |secret: &str| serde_json::Value::from(secret).to_string().trim_matches('"').to_owned();
    for secret in secrets.iter().map(Secret::expose) {
        for spelling in [secret.to_owned(), encoded(secret), encoded(secret).replace('+', "%20"), in_json(secret)] {
            text = text.replace(&spelling, "[redacted]");
        }
    }
    text.lines().map(output::plain).collect::<Vec<_>>().join("\n")
}
