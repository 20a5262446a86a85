//! `trailmark customers`: customers at the vendor, with every field of its dialect. For inspections, corrections and moves
//! by hand; signups do not need it. The ledger does not record these changes.

use clap::Subcommand;
use trailmark_vendors::directory::{Change, CustomerFields, Thing};

use super::account::{One, Period, Removal, Told, named, pair};
use super::failure::Failure;

const KEY: &str = "The customer's key, as in signups";

#[derive(Debug, Subcommand)]
pub(super) enum Customers {
    /// List every customer of a program
    List(Period),
    /// Show one customer
    #[command(mut_arg("key", |key| key.help(KEY)))]
    Get(One),
    /// Add a customer of a partner; an existing key is refused
    #[command(mut_arg("key", |key| key.help("The customer's key, as in signups; cannot be changed later")))]
    Add(Box<Add>),
    /// Change a customer; omitted fields stay
    #[command(mut_arg("key", |key| key.help(KEY)))]
    Update(Box<Update>),
    /// Remove a customer
    #[command(mut_arg("key", |key| key.help(KEY)))]
    Remove(Removal),
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Key of the partner who referred the customer; cannot be changed later
    #[arg(long, value_name = "KEY", value_parser = named)]
    partner: Option<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    one: One,
}

#[derive(Debug, clap::Args)]
pub(super) struct Update {
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    one: One,
}

/// Fields of creation and change; not every dialect has every field.
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
            Self::List(period) => period.list(Thing::Customer).await,
            Self::Get(one) => one.show(Thing::Customer).await,
            Self::Add(add) => {
                let Add { partner, fields, one: One { key, account } } = *add;
                let fields = CustomerFields { key: Some(key), partner, ..fields.stated() };
                account.change(&Change::AddCustomer(fields)).await
            }
            Self::Update(update) => {
                let Update { fields, one: One { key, account } } = *update;
                account.change(&Change::UpdateCustomer { key, fields: fields.stated() }).await
            }
            Self::Remove(removal) => {
                let follows = "the partner earns no further commission on a removed customer";
                removal.run(follows, |key| Change::RemoveCustomer { key }).await
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
