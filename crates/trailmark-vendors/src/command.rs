//! What an operator asks of a vendor besides deliveries, as data: the commands that an account offers ([`Command`]), the
//! values of one call ([`Values`]), and what comes back ([`Reply`]). The proxy's command line builds its nouns, verbs and
//! flags from these tables and sends the requests. None of it passes through the ledger.
//!
//! A command may take several requests, such as finding the vendor's id of a partner first. A request other than GET is sent
//! once; after an unknown outcome, look before you send it again.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;

use crate::exchange::Call;
use crate::outcome::Outcome;
use crate::secret::Secret;
use crate::task::Rejection;

/// One command of a vendor, in one dialect: `partners list`.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// The kind of thing, in the plural: `partners`.
    pub noun: &'static str,
    /// What to do with it: `list`.
    pub verb: &'static str,
    /// What it does, as a sentence without its full stop: `List the partners of the program`.
    pub summary: &'static str,
    /// The key that it takes as its argument, if it takes one: `The partner's key or e-mail address`.
    pub key: Option<&'static str>,
    /// Its flags.
    pub inputs: &'static [Input],
    /// What it does to the vendor's data.
    pub effect: Effect,
    /// The fields of a record that a table shows, in this order; of `key|id` the first that the record has. E-mail addresses
    /// and people's names stay out of tables.
    pub columns: &'static [&'static str],
    /// The calls that it makes, in the vendor's words: `GET /v2/partnerships`.
    pub calls: &'static str,
    /// As in [`crate::capability::Support::Yes`].
    pub source: &'static str,
}

impl Command {
    /// Refuses values that lack what the command needs, or have what it does not take.
    ///
    /// # Errors
    /// [`Rejection`] that names the input and the cure.
    pub fn check(&self, values: &Values) -> Result<(), Rejection> {
        let words = format!("{} {}", self.noun, self.verb);
        let own = || self.inputs.iter().chain((self.effect == Effect::Reads).then_some(&FROM));
        let is_foreign = |name: &&&str| own().all(|input| input.name != **name);
        let reason = if self.key.is_none() != values.key.is_empty() {
            self.key.map_or_else(|| format!("`{words}` takes no key"), |key| format!("missing the key: {key}"))
        } else if let Some(name) = values.flags.keys().find(is_foreign) {
            format!("`{name}` is no input of `{words}` here; leave it out")
        } else if let Some(input) = self.inputs.iter().find(|input| input.is_needed && !values.has(input.name)) {
            format!("missing `{}`: {}", input.name, input.purpose)
        } else {
            return Ok(());
        };
        Err(Rejection { reason })
    }
}

/// A command that the vendor cannot serve, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lack {
    /// As [`Command::noun`].
    pub noun: &'static str,
    /// As [`Command::verb`].
    pub verb: &'static str,
    /// Why not, and the alternative.
    pub why: &'static str,
    /// As in [`crate::capability::Support::Yes`].
    pub source: &'static str,
}

/// One line for one [`Lack`].
pub(crate) const fn lack(noun: &'static str, verb: &'static str, why: &'static str, source: &'static str) -> Lack {
    Lack { noun, verb, why, source }
}

/// A kind of thing that is added from the rows of a file: the command `add` of this noun, once for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Import {
    /// As [`Command::noun`]. Its command `add` takes no key.
    pub noun: &'static str,
    /// What keeps a row from taking effect twice.
    pub once: Once,
}

/// What keeps a repeated addition from taking effect twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// Before a row is sent, this command looks for it: its noun, its verb, and the input of the row that is its key. The
    /// vendor's clear "no such thing" must be [`Outcome::Missing`].
    Looks {
        /// As [`Command::noun`].
        noun: &'static str,
        /// As [`Command::verb`].
        verb: &'static str,
        /// As [`Input::name`].
        by: &'static str,
    },
    /// Nothing is needed: the vendor updates what is there, so a repeat changes nothing.
    Updates,
}

/// What a command does to the vendor's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It adds or changes something.
    Changes,
    /// It takes something away: it asks for confirmation.
    Destroys {
        /// What follows, as a clause: `the partner loses the transaction's commission`.
        follows: &'static str,
    },
    /// It only reads.
    Reads,
}

/// One flag of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Its name in JSON and in [`Values`]: `first_name`; the flag is `--first-name`.
    pub name: &'static str,
    /// What it holds.
    pub kind: InputKind,
    /// Whether the command is refused without it.
    pub is_needed: bool,
    /// What it is: `E-mail address of the main contact`.
    pub purpose: &'static str,
}

impl Input {
    /// An optional text.
    pub const fn text(name: &'static str, purpose: &'static str) -> Self {
        Self::of(name, InputKind::Text, purpose)
    }

    /// An optional flag of this kind.
    pub const fn of(name: &'static str, kind: InputKind, purpose: &'static str) -> Self {
        Self { name, kind, is_needed: false, purpose }
    }

    /// The same, without which the command is refused.
    pub const fn needed(self) -> Self {
        Self { is_needed: true, ..self }
    }
}

/// The input of every list, beside its own: a page to begin with. Its pairs are the query parameters in which that page's
/// request differs from the first one's; the caller sets them in the first request. An adapter that counts pages itself
/// goes on from [`Values::first_page`].
pub const FROM: Input = Input::of("from", InputKind::Pairs, "Begin with this page, which an interrupted list named");

/// What a flag holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// An http or https address with a secret in it that alone opens nothing: read like [`Self::Secret`], or as it is typed.
    Address,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Nothing: it is given or not.
    Flag,
    /// A whole number, such as an amount in minor units.
    Number,
    /// `NAME=VALUE`, any number of times.
    Pairs,
    /// A secret, read from standard input or from `env:NAME`, never from the command line.
    Secret,
    /// A text of 1 to 2,000 characters without controls; the vendor's table may take fewer.
    Text,
    /// Several such texts: the flag may be repeated.
    Texts,
    /// RFC 3339.
    Time,
}

/// The value of one flag. `Debug` shows none, since most are about people.
#[derive(Clone)]
pub enum Value {
    /// Of [`InputKind::Flag`]: it was given.
    Given,
    /// Of [`InputKind::Number`].
    Number(i64),
    /// Of [`InputKind::Pairs`].
    Pairs(TextMap),
    /// Of [`InputKind::Secret`] and [`InputKind::Address`].
    Secret(Secret),
    /// Of [`InputKind::Text`] and [`InputKind::Choice`].
    Text(String),
    /// Of [`InputKind::Texts`].
    Texts(Vec<String>),
    /// Of [`InputKind::Time`].
    Time(UnixMillis),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[withheld]")
    }
}

/// The values of one call. Its reader has checked them against [`Command::inputs`]: every needed one is there, each has the
/// kind of its input, and there are no others.
#[derive(Debug, Clone, Default)]
pub struct Values {
    /// The argument, if the command takes one; empty otherwise.
    pub key: String,
    /// The flags that were given.
    pub flags: BTreeMap<&'static str, Value>,
}

impl Values {
    /// The text of a flag, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.flags.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The texts of a flag; none if it was not given.
    pub fn texts(&self, name: &str) -> &[String] {
        match self.flags.get(name) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// The number of a flag, if it was given.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.flags.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The time of a flag, if it was given.
    pub fn time(&self, name: &str) -> Option<UnixMillis> {
        match self.flags.get(name) {
            Some(Value::Time(at)) => Some(*at),
            _ => None,
        }
    }

    /// The pairs of a flag, if it was given.
    pub fn pairs(&self, name: &str) -> Option<&TextMap> {
        match self.flags.get(name) {
            Some(Value::Pairs(pairs)) => Some(pairs),
            _ => None,
        }
    }

    /// The number of the page with which a list begins that counts its pages as `page`, 1 or more.
    pub fn first_page(&self) -> u32 {
        let page = self.pairs(FROM.name).and_then(|place| place.get("page"));
        page.and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }

    /// The secret of a flag, if it was given.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.flags.get(name) {
            Some(Value::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    /// Whether a flag was given.
    pub fn has(&self, name: &str) -> bool {
        self.flags.contains_key(name)
    }

    /// Everything that a message must not repeat: all texts and secrets.
    pub fn personal(&self) -> impl Iterator<Item = &str> {
        self.flags.values().flat_map(Value::texts).chain([self.key.as_str()])
    }
}

impl Value {
    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Given | Self::Number(_) | Self::Time(_) => Vec::new(),
            Self::Pairs(pairs) => pairs.values().collect(),
            Self::Secret(secret) => vec![secret.expose()],
            Self::Text(text) => vec![text],
            Self::Texts(texts) => texts.iter().map(String::as_str).collect(),
        }
    }
}

/// One thing that a vendor shows: its fields in our words, in the order in which they are printed. A field that the vendor
/// does not show is absent, never guessed. Times are RFC 3339, amounts are whole minor units beside a `currency`. `Debug`
/// shows nothing of it, since most of it is about people.
#[derive(Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Record(Map<String, Json>);

impl Record {
    /// With a field, unless its value is absent or `null`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Option<Json>>) -> Self {
        if let Some(value) = value.into().filter(|value| !value.is_null()) {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// With a text, unless it is absent or empty.
    #[must_use]
    pub fn with_text(self, name: &str, text: Option<&str>) -> Self {
        self.with(name, text.filter(|text| !text.is_empty()).map(Json::from))
    }

    /// With a time, unless it is absent.
    #[must_use]
    pub fn with_time(self, name: &str, at: Option<UnixMillis>) -> Self {
        self.with(name, at.map(|at| Json::from(at.to_rfc3339())))
    }

    /// The thing with this key was removed.
    pub fn removed(key: &str) -> Self {
        Self::default().with_text("removed", Some(key))
    }

    /// A field.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// All fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

/// A request whose answer has a content, or else the outcome of the request.
pub type Ask<T> = Call<Result<T, Outcome>>;

/// What the answer to a command's request leads to.
#[derive(Debug)]
pub enum Reply {
    /// The command is done, and this is the thing that it showed or changed.
    Done(Record),
    /// The vendor took the change and carries it out later: this request, which looks at it, is next, after a wait.
    Later {
        /// The request.
        next: Ask<Self>,
        /// Seconds until then; 0 means at once.
        wait_s: u64,
        /// What is waited for, for people.
        why: String,
        /// What the vendor took and how to look again, for people: a look that fails refuses nothing.
        taken: String,
    },
    /// This request is next.
    Next(Ask<Self>),
    /// Some items of a list. The reader of the list drops items that it has seen, and ends it where a request comes again.
    /// It tells items apart by `id` or, without one, by `key` and `group`.
    Page {
        /// The items, each with the field `key` or `id`.
        items: Vec<Record>,
        /// The request for the next page; `None` at the vendor's own end of the list.
        next: Option<Ask<Self>>,
    },
    /// The vendor does not tell what became of the change.
    Untold {
        /// What it told, and what to do, for people.
        why: String,
    },
}

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A value is missing, or the vendor cannot represent it; names the input and the cure.
    #[error(transparent)]
    Input(#[from] Rejection),
    /// The vendor has no such call in this dialect.
    #[error("{why}")]
    Unsupported {
        /// Why not, and the alternative.
        why: &'static str,
    },
}

/// The commands of an account.
pub trait Commands: fmt::Debug + Send + Sync {
    /// The first request of a command that the vendor offers in the account's dialect.
    ///
    /// # Errors
    /// [`Refusal`] if a value is missing or cannot be represented, or this dialect does not offer the command.
    fn start(&self, command: &Command, values: &Values) -> Result<Ask<Reply>, Refusal>;
}

/// A command with the function that starts it; an adapter keeps its commands as a table of these.
#[derive(Debug)]
pub(crate) struct Offer<A: 'static> {
    pub(crate) command: Command,
    /// The dialects that offer it.
    pub(crate) dialects: &'static [crate::Dialect],
    pub(crate) start: fn(&A, &Values) -> Result<Ask<Reply>, Refusal>,
}

impl<A> Offer<A> {
    /// The commands of `offers` in a dialect.
    pub(crate) fn offered(offers: &'static [Self], dialect: crate::Dialect) -> Vec<&'static Command> {
        offers.iter().filter(|offer| offer.dialects.contains(&dialect)).map(|offer| &offer.command).collect()
    }

    /// Starts the command that has this noun and verb, if the values are those that it takes.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`] if the table has none in this dialect, and what the command itself refuses.
    pub(crate) fn start(
        offers: &'static [Self],
        account: &A,
        dialect: crate::Dialect,
        command: &Command,
        values: &Values,
    ) -> Result<Ask<Reply>, Refusal> {
        let named = |offer: &&Self| {
            offer.dialects.contains(&dialect)
                && (offer.command.noun, offer.command.verb) == (command.noun, command.verb)
        };
        let offer = offers.iter().find(named).ok_or(Refusal::Unsupported { why: "no such command" })?;
        offer.command.check(values)?;
        (offer.start)(account, values)
    }
}
