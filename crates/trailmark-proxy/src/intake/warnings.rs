//! A receipt's warnings: optional fields that were repaired or left out, and fields that a credited program's vendor
//! needs but the conversion lacks. Pure; the ledger keeps the receipt, so that a repeat and `explain` show the same.
//! Refuses nothing: the adapter rejects a delivery that lacks a field, and the warning tells page or backend at once.

use trailmark_vendors::task::Field;
use trailmark_wire::conversion::Conversion;
use trailmark_wire::ids::ProgramId;
use trailmark_wire::repair::Warning;

use crate::app::App;
use crate::config::Site;
use crate::store::{Known, Ruling};

/// What is known before the ruling.
#[derive(Debug, Clone)]
pub(super) struct Warnings {
    repairs: Vec<Warning>,
    /// Fields that a program needs but the conversion lacks, for touches with and without click id.
    lacking: Vec<(ProgramId, bool, Field)>,
}

impl Warnings {
    /// The warnings of a conversion at a site, after its repairs.
    pub(super) fn of(app: &App, site: &Site, conversion: &Conversion, repairs: Vec<Warning>) -> Self {
        let mut lacking = Vec::new();
        for account in app.accounts.iter().filter(|account| account.site == site.id) {
            for has_click_id in [false, true] {
                let needs = account.adapter.needs(conversion.kind(), has_click_id).iter();
                let lacks = needs.filter(|field| conversion.plain_customer().is_some_and(|c| field.is_absent(c)));
                lacking.extend(lacks.map(|field| (account.program.clone(), has_click_id, *field)));
            }
        }
        Self { repairs, lacking }
    }

    /// Adds the warnings to the ruling. Without credit (also a duplicate) there is no delivery, so no field is
    /// missing.
    pub(super) fn on(&self, mut ruling: Ruling, known: &Known) -> Ruling {
        ruling.receipt.warnings.clone_from(&self.repairs);
        if ruling.receipt.attribution.is_empty() {
            return ruling;
        }
        for credited in ruling.decision.credited() {
            let stored = known.touches.iter().find(|stored| stored.touch.id == credited.id);
            let has_click_id = stored.is_some_and(|stored| stored.captured.click_id.is_some());
            let lacks = self
                .lacking
                .iter()
                .filter(|(program, with_click_id, _)| *program == credited.program && *with_click_id == has_click_id);
            let warnings = lacks.map(|(program, _, field)| Warning::missing_for(field.path(), program));
            ruling.receipt.warnings.extend(warnings);
        }
        ruling
    }
}
