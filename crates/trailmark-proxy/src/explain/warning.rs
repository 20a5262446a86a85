//! One sentence for each warning of a receipt: the field, what was wrong, what was done. The record has no values.

use trailmark_wire::repair::Warning;

/// The sentence for a warning.
pub(super) fn sentence(warning: &Warning) -> String {
    let field = &warning.field;
    let what = match warning.code.as_str() {
        "blank" => "was empty and was left out",
        "controls" => "contained control characters, which were replaced by spaces",
        "cut" => "was too long and was cut",
        "not_an_email" => "was not an e-mail address and was left out",
        "too_many" => "had more than 25 entries; the first 25 were kept",
        "wrong_type" => "had the wrong type and was left out",
        other => match other.strip_prefix("missing_for:") {
            Some(program) => return format!("`{field}` is missing, and the vendor of program {program} needs it."),
            None => return format!("`{field}`: {other}."),
        },
    };
    format!("`{field}` {what}.")
}
