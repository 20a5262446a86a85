//! `trailmark partners`: partners as the vendor has them now, and the changes that a program's owner may make.

use clap::Subcommand;
use trailmark_vendors::directory::{Change, List as Listing, PartnerFields, Thing};

use super::Format;
use super::account::{AccountArgs, ListFormat, Told, confirmed, named};
use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Partners {
    /// List every partner of a program
    List(List),
    /// Show one partner
    Get(One),
    /// Add a partner; its main contact is invited by e-mail
    Add(Box<Add>),
    /// Invite a further member into a partner's team, where the vendor lets programs do so
    Invite(One),
    /// Change a partner's key or group; name and address are the partner's own to change
    Update(Update),
    /// Remove a partner from the program
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: ListFormat,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The partner's key or, where the vendor looks it up, e-mail address
    #[arg(value_name = "KEY", value_parser = named)]
    key: String,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// E-mail address of the main contact
    #[arg(long, value_name = "ADDRESS")]
    email: Told,
    /// Key of the group that the partner joins
    #[arg(long, value_name = "KEY", value_parser = named)]
    group: String,
    /// The partner's key; without it the vendor makes one from the name
    #[arg(long, value_name = "KEY", value_parser = named)]
    key: Option<String>,
    /// First name
    #[arg(long, value_name = "NAME")]
    first_name: Option<Told>,
    /// Last name
    #[arg(long, value_name = "NAME")]
    last_name: Option<Told>,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Update {
    /// The partner's key or, where the vendor looks it up, e-mail address
    #[arg(value_name = "KEY", value_parser = named)]
    key: String,
    /// The new key; links made before keep the old one
    #[arg(long, value_name = "KEY", value_parser = named)]
    new_key: Option<String>,
    /// The new group; its rules may change commissions that are running
    #[arg(long, value_name = "KEY", value_parser = named)]
    group: Option<String>,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// The partner's key or, where the vendor looks it up, e-mail address
    #[arg(value_name = "KEY", value_parser = named)]
    key: String,
    /// Yes, remove it
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

impl Partners {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(List { account, format }) => account.list(&Listing::all(Thing::Partner), format).await,
            Self::Get(One { key, account, format }) => account.show(Thing::Partner, &key, format).await,
            Self::Add(add) => add.run().await,
            Self::Invite(One { key: partner, account, format }) => {
                account.change(&Change::InviteMember { partner }, format).await
            }
            Self::Update(Update { key, new_key, group, account, format }) => {
                let fields = PartnerFields { key: new_key, group, ..PartnerFields::default() };
                account.change(&Change::UpdatePartner { key, fields }, format).await
            }
            Self::Remove(Remove { key, yes, account, format }) => {
                confirmed(
                    yes,
                    "a removed partner cannot come back by the same address unless you add it again, \
                     which begins a new partnership without history",
                )?;
                account.change(&Change::RemovePartner { key }, format).await
            }
        }
    }
}

impl Add {
    async fn run(self) -> Result<(), Failure> {
        let fields = PartnerFields {
            key: self.key,
            email: Some(self.email.0),
            first_name: self.first_name.map(|name| name.0),
            last_name: self.last_name.map(|name| name.0),
            group: Some(self.group),
        };
        self.account.change(&Change::AddPartner(fields), self.format).await
    }
}
