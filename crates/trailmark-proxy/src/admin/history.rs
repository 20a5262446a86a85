//! The history of one conversion for the ledger view: the answer first, then facts, then what happened step by step.
//! [`crate::answer`] and [`crate::explain`] write the sentences; this file combines them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use trailmark_vendors::commission::Commission;
use trailmark_wire::ids::ProgramId;
use trailmark_wire::money::Money;
use trailmark_wire::time::UnixMillis;

use super::ledger::Answer;
use super::problem::Id;
use crate::answer::{self, answer};
use crate::app::App;
use crate::explain::{Section, credited, story, subject};
use crate::store::operator::{ConversionRow, DeliveryRow};

/// `GET v1/conversions/{id}/history`.
#[derive(Debug, Serialize)]
pub(super) struct History {
    answer: answer::Answer,
    /// What happened, in one line.
    subject: String,
    credited: String,
    conversion: ConversionRow,
    #[serde(with = "trailmark_wire::time::rfc3339")]
    occurred_at: UnixMillis,
    /// Commissions that a vendor has told.
    commissions: Vec<Earned>,
    sections: Vec<Section>,
}

/// A commission, as the vendor told it.
#[derive(Debug, Serialize)]
struct Earned {
    program: ProgramId,
    commission: Commission,
    amount: Option<Money>,
}

pub(super) async fn one(State(app): State<Arc<App>>, Id(id): Id) -> Answer<History> {
    let (detail, lanes) = (app.store.conversion(id).await?, app.store.lanes(app.clock.now()).await?);
    let row = &detail.conversion;
    Ok(Json(History {
        answer: answer(row, &lanes),
        subject: subject(row),
        credited: credited(row),
        occurred_at: detail.occurred_at,
        commissions: detail.deliveries.iter().filter_map(earned).collect(),
        // Sections without a heading repeat the answer, subject and facts.
        sections: story(&detail, &lanes).sections.into_iter().filter(|section| section.heading.is_some()).collect(),
        conversion: detail.conversion,
    }))
}

fn earned(row: &DeliveryRow) -> Option<Earned> {
    let amount = row.commission_amount;
    (row.commission != Commission::Unknown).then(|| Earned {
        program: row.program.clone(),
        commission: row.commission,
        amount,
    })
}
