//! What Acme supports, cell by cell, in both dialects, and the commands that it lacks, with the reasons.

use super::{DOCUMENTS, NAME, NOT_THERE};
use crate::Dialect;
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::command::{Lack, lack};

/// The capability table.
pub(super) fn capabilities(dialect: Dialect) -> Capabilities {
    let support = |operation| match operation {
        Operation::Signup => {
            Support::Yes { how: "PUT /signups/{customer}", class: Some(Class::Upsert), source: DOCUMENTS }
        }
        _ => Support::Unsupported { why: NOT_THERE, source: DOCUMENTS },
    };
    let cells = Operation::ALL.map(|operation| (operation, support(operation)));
    Capabilities { vendor: NAME, dialect, cells: cells.to_vec() }
}

/// The commands that are not offered.
pub(super) static LACKING: &[Lack] = &[lack("partners", "list", NOT_THERE, DOCUMENTS)];
