//! `trailmark groups` and `trailmark partnerships`: the groups of a program, and which partner belongs to which.

use clap::Subcommand;
use trailmark_vendors::directory::{List as Listing, Thing};

use super::Format;
use super::account::{AccountArgs, ListFormat, named};
use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Groups {
    /// List every group of a program
    List(List),
    /// Show one group
    Get(One),
}

#[derive(Debug, Subcommand)]
pub(super) enum Partnerships {
    /// List which partners belong to which group
    List(Members),
    /// Show one partnership
    Get(One),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: ListFormat,
}

#[derive(Debug, clap::Args)]
pub(super) struct Members {
    /// Of one group; without it, of all
    #[arg(long, value_name = "KEY", value_parser = named)]
    group: Option<String>,
    /// Read and show each partner, one request for each
    #[arg(long)]
    profiles: bool,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: ListFormat,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The key at the vendor; of a partnership also the partner's key or e-mail address
    #[arg(value_name = "KEY", value_parser = named)]
    key: String,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

impl Groups {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(List { account, format }) => account.list(&Listing::all(Thing::Group), format).await,
            Self::Get(One { key, account, format }) => account.show(Thing::Group, &key, format).await,
        }
    }
}

impl Partnerships {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(Members { group, profiles, account, format }) => {
                let list = Listing { group, ..Listing::all(Thing::Partnership) };
                if profiles { account.profiles(&list, format).await } else { account.list(&list, format).await }
            }
            Self::Get(One { key, account, format }) => account.show(Thing::Partnership, &key, format).await,
        }
    }
}
