//! `trailmark groups` and `trailmark partnerships`: the groups of a program, and which partner belongs to which.

use clap::Subcommand;
use trailmark_vendors::directory::{List, Thing};

use super::account::{AccountArgs, One, named};
use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Groups {
    /// List every group of a program
    List(AccountArgs),
    /// Show one group
    Get(One),
}

#[derive(Debug, Subcommand)]
pub(super) enum Partnerships {
    /// List which partners belong to which group
    List(Members),
    /// Show one partnership
    #[command(mut_arg("key", |key| key.help("Key of the partnership at the vendor, or key or e-mail address of the partner")))]
    Get(One),
}

#[derive(Debug, clap::Args)]
pub(super) struct Members {
    /// Only this group [default: all groups]
    #[arg(long, value_name = "KEY", value_parser = named)]
    group: Option<String>,
    /// Also read and show each partner, with one request each
    #[arg(long)]
    profiles: bool,
    #[command(flatten)]
    account: AccountArgs,
}

impl Groups {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(account) => account.list(&List::all(Thing::Group)).await,
            Self::Get(one) => one.show(Thing::Group).await,
        }
    }
}

impl Partnerships {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(Members { group, profiles, account }) => {
                let list = List { group, ..List::all(Thing::Partnership) };
                if profiles { account.profiles(&list).await } else { account.list(&list).await }
            }
            Self::Get(one) => one.show(Thing::Partnership).await,
        }
    }
}
