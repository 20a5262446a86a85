//! What a receipt warned of, in a sentence each: which field, what was wrong with it, what was done. No value is in the record.

use trailmark_wire::repair::Warning;

/// The sentence for a warning.
pub(super) fn sentence(warning: &Warning) -> String {
    let field = &warning.field;
    let what = match warning.code.as_str() {
        "blank" => "was empty and was left out",
        "controls" => "held control characters, which were replaced by spaces",
        "cut" => "was too long and was cut",
        "not_an_email" => "was no e-mail address and was left out",
        "too_many" => "had more entries than the 25 that are taken; the first 25 were kept",
        "wrong_type" => "was of another type than its field takes and was left out",
        other => match other.strip_prefix("missing_for:") {
            Some(program) => return format!("`{field}` is missing, and the vendor of program {program} needs it."),
            None => return format!("`{field}`: {other}."),
        },
    };
    format!("`{field}` {what}.")
}
