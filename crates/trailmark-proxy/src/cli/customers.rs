//! `trailmark customers`: customers as the vendor has them, with every field that its dialect has. Signups need none of this;
//! it is for looking, mending and moving by hand, and the ledger does not learn of it.

use clap::Subcommand;
use trailmark_vendors::directory::{Change, CustomerFields, Thing};

use super::Format;
use super::account::{AccountArgs, ListFormat, Period, Told, confirmed, named, pair};
use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Customers {
    /// List every customer of a program
    List(List),
    /// Show one customer
    Get(One),
    /// Add a customer of a partner; a key that exists is refused
    Add(Box<Add>),
    /// Change a customer; what is left out stays
    Update(Box<Update>),
    /// Remove a customer
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    period: Period,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: ListFormat,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The customer's key, as signups state it
    #[arg(value_name = "KEY", value_parser = named)]
    key: String,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The customer's key, as signups state it; it never changes
    #[arg(value_name = "KEY", value_parser = named)]
    key: String,
    /// Key of the partner who referred the customer; it never changes
    #[arg(long, value_name = "KEY", value_parser = named)]
    partner: Option<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Update {
    /// The customer's key, as signups state it
    #[arg(value_name = "KEY", value_parser = named)]
    key: String,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// The customer's key, as signups state it
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

/// What may be stated on creation and on change alike; not every dialect has every field.
#[derive(Debug, clap::Args)]
struct Fields {
    /// E-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<Told>,
    /// Full name
    #[arg(long, value_name = "NAME")]
    name: Option<Told>,
    /// First name (PartnerStack: dialect guide)
    #[arg(long, value_name = "NAME")]
    first_name: Option<Told>,
    /// Last name (PartnerStack: dialect guide)
    #[arg(long, value_name = "NAME")]
    last_name: Option<Told>,
    /// Status, such as active or inactive (PartnerStack: dialect guide)
    #[arg(long, value_name = "WORD", value_parser = named)]
    status: Option<String>,
    /// A further key of your own (PartnerStack: dialect guide)
    #[arg(long, value_name = "KEY")]
    external_key: Option<Told>,
    /// Key of the group (PartnerStack: dialect guide)
    #[arg(long, value_name = "KEY", value_parser = named)]
    group: Option<String>,
    /// Key at your payment provider (PartnerStack: dialect current)
    #[arg(long, value_name = "KEY")]
    provider_key: Option<Told>,
    /// Key of the partner's member who brought the customer (PartnerStack: dialect current)
    #[arg(long, value_name = "KEY", value_parser = named)]
    member_key: Option<String>,
    /// Free data; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    data: Vec<(String, Told)>,
}

impl Customers {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(List { period, account, format }) => account.list(&period.of(Thing::Customer), format).await,
            Self::Get(One { key, account, format }) => account.show(Thing::Customer, &key, format).await,
            Self::Add(add) => {
                let Add { key, partner, fields, account, format } = *add;
                let fields = CustomerFields { key: Some(key), partner, ..fields.stated() };
                account.change(&Change::AddCustomer(fields), format).await
            }
            Self::Update(update) => {
                let Update { key, fields, account, format } = *update;
                account.change(&Change::UpdateCustomer { key, fields: fields.stated() }, format).await
            }
            Self::Remove(Remove { key, yes, account, format }) => {
                confirmed(yes, "a removed customer brings its partner no further commission")?;
                account.change(&Change::RemoveCustomer { key }, format).await
            }
        }
    }
}

impl Fields {
    fn stated(self) -> CustomerFields {
        let text = |told: Option<Told>| told.map(|told| told.0);
        CustomerFields {
            key: None,
            partner: None,
            email: text(self.email),
            name: text(self.name),
            first_name: text(self.first_name),
            last_name: text(self.last_name),
            status: self.status,
            external_key: text(self.external_key),
            group: self.group,
            provider_key: text(self.provider_key),
            member_key: self.member_key,
            data: self.data.into_iter().map(|(name, value)| (name, value.0)).collect(),
        }
    }
}
