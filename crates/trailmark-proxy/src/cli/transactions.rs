//! `trailmark transactions`: transactions at the vendor. Sales and refunds come from conversions; changes here are the
//! operator's own, and the ledger does not record them.

use clap::{ArgGroup, Subcommand};
use trailmark_vendors::directory::{Change, CustomerName, Thing, TransactionFields};
use trailmark_wire::money::Currency;
use trailmark_wire::time::UnixMillis;

use super::account::{AccountArgs, Period, Removal, Told, named, pair, time};
use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Transactions {
    /// List transactions, the newest first
    List(Period),
    /// Add a transaction; the vendor computes commissions from it
    Add(Box<Add>),
    /// Remove a transaction
    #[command(mut_arg("key", |key| key.help("The transaction's key")))]
    Remove(Removal),
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["customer", "customer_id", "customer_email"]))]
pub(super) struct Add {
    /// The customer's key, as in signups
    #[arg(long, value_name = "KEY")]
    customer: Option<Told>,
    /// The vendor's own key of the customer (PartnerStack: dialect current)
    #[arg(long, value_name = "KEY", value_parser = named)]
    customer_id: Option<String>,
    /// The customer's e-mail address (PartnerStack: dialect current)
    #[arg(long, value_name = "ADDRESS")]
    customer_email: Option<Told>,
    /// The amount in minor units of the currency, such as 9900 for 99.00 USD; negative for a refund
    #[arg(long, value_name = "UNITS", allow_negative_numbers = true, value_parser = units)]
    amount_minor: i64,
    /// ISO 4217, such as USD
    #[arg(long, value_name = "CODE", value_parser = |text: &str| Currency::new(text))]
    currency: Currency,
    /// The transaction's key; the vendor refuses a repeat of it (PartnerStack: required in dialect current, unknown to guide)
    #[arg(long, value_name = "KEY", value_parser = named)]
    key: Option<String>,
    /// Category (PartnerStack: dialect current)
    #[arg(long, value_name = "KEY", value_parser = named)]
    category: Option<String>,
    /// Product (PartnerStack: dialect current)
    #[arg(long, value_name = "KEY", value_parser = named)]
    product: Option<String>,
    /// When it happened, such as 2026-11-01T00:00:00Z (PartnerStack: dialect current)
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<UnixMillis>,
    /// Free data; may be given several times (PartnerStack: dialect current)
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    data: Vec<(String, Told)>,
    #[command(flatten)]
    account: AccountArgs,
}

fn units(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_unreadable| "not a whole number of minor units, such as 9900 for 99.00 USD")
}

impl Transactions {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(period) => period.list(Thing::Transaction).await,
            Self::Add(add) => add.run().await,
            Self::Remove(removal) => {
                let follows = "the partner loses the transaction's commission, and the ledger still shows the sale";
                removal.run(follows, |key| Change::RemoveTransaction { key }).await
            }
        }
    }
}

impl Add {
    async fn run(self) -> Result<(), Failure> {
        let customer = match (self.customer, self.customer_id, self.customer_email) {
            (Some(key), _, _) => CustomerName::Key(key.0),
            (None, Some(id), _) => CustomerName::Id(id),
            (None, None, Some(email)) => CustomerName::Email(email.0),
            (None, None, None) => return Err(Failure::usage("--customer is missing")),
        };
        let fields = TransactionFields {
            customer,
            amount_minor: self.amount_minor,
            currency: self.currency,
            key: self.key,
            category: self.category,
            product: self.product,
            at: self.at,
            data: self.data.into_iter().map(|(name, value)| (name, value.0)).collect(),
        };
        self.account.change(&Change::AddTransaction(fields)).await
    }
}
