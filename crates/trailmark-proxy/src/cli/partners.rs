//! `trailmark partners`: partners at the vendor now, and the changes that a program's owner may make.

use clap::Subcommand;
use trailmark_vendors::directory::{Change, List, PartnerFields, Thing};

use super::account::{AccountArgs, One, Removal, Told, named};
use super::failure::Failure;

const KEY: &str = "The partner's key or, if the vendor can look it up, e-mail address";

#[derive(Debug, Subcommand)]
pub(super) enum Partners {
    /// List every partner of a program
    List(AccountArgs),
    /// Show one partner
    #[command(mut_arg("key", |key| key.help(KEY)))]
    Get(One),
    /// Add a partner; the vendor invites its main contact by e-mail
    Add(Box<Add>),
    /// Invite another member into a partner's team, if the vendor allows it
    #[command(mut_arg("key", |key| key.help(KEY)))]
    Invite(One),
    /// Change a partner's key or group; only the partner can change name and address
    #[command(mut_arg("key", |key| key.help(KEY)))]
    Update(Update),
    /// Remove a partner from the program
    #[command(mut_arg("key", |key| key.help(KEY)))]
    Remove(Removal),
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// E-mail address of the main contact
    #[arg(long, value_name = "ADDRESS")]
    email: Told,
    /// Key of the group that the partner joins
    #[arg(long, value_name = "KEY", value_parser = named)]
    group: String,
    /// The partner's key [default: the vendor makes one from the name]
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
}

#[derive(Debug, clap::Args)]
pub(super) struct Update {
    /// The new key; existing links keep the old key
    #[arg(long, value_name = "KEY", value_parser = named)]
    new_key: Option<String>,
    /// The new group; its rules may change running commissions
    #[arg(long, value_name = "KEY", value_parser = named)]
    group: Option<String>,
    #[command(flatten)]
    one: One,
}

impl Partners {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(account) => account.list(&List::all(Thing::Partner)).await,
            Self::Get(one) => one.show(Thing::Partner).await,
            Self::Add(add) => add.run().await,
            Self::Invite(One { key: partner, account }) => account.change(&Change::InviteMember { partner }).await,
            Self::Update(Update { new_key, group, one: One { key, account } }) => {
                let fields = PartnerFields { key: new_key, group, ..PartnerFields::default() };
                account.change(&Change::UpdatePartner { key, fields }).await
            }
            Self::Remove(removal) => {
                let follows = "a removed partner cannot come back by the same address unless you add it again, \
                               which begins a new partnership without history";
                removal.run(follows, |key| Change::RemovePartner { key }).await
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
        self.account.change(&Change::AddPartner(fields)).await
    }
}
