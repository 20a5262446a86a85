//! Counts, and the rules that must hold between them, in SQL. Repairs nothing: an operator must look at a violation.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::rows::{all, count, plain};
use super::{lists, migrate};
use crate::code::Code;
use crate::store::StoreError;
use crate::store::operator::{Counts, Health};

/// What must never occur: a name for people, and a statement that counts it. `{unsettled}` stands for the list of
/// unsettled states, `{overruled}` and `{test}` for the codes of an overruled claim and of a test.
const RULES: [(&str, &str); 12] = [
    (
        "accepted conversions without the deliveries that their receipt promised",
        "SELECT count(*) FROM conversions c, json_each(c.receipt, '$.deliveries') promised
         WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.site = c.site AND d.conversion = c.id
                           AND d.program = promised.value ->> 'program')",
    ),
    (
        "accepted conversions without any delivery",
        "SELECT count(*) FROM conversions c WHERE c.status = 'accepted' AND c.code IS NOT '{test}'
           AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.site = c.site AND d.conversion = c.id)",
    ),
    (
        "deliveries of conversions that were not accepted",
        "SELECT count(*) FROM deliveries d LEFT JOIN conversions c ON c.site = d.site AND c.id = d.conversion
         WHERE c.id IS NULL OR (c.status NOT IN ('accepted', 'rejected') AND c.code IS NOT '{overruled}'
           AND d.state <> 'dropped')",
    ),
    (
        "conversions without a decision",
        "SELECT count(*) FROM conversions c
         WHERE NOT EXISTS (SELECT 1 FROM decisions x WHERE x.site = c.site AND x.conversion = c.id)",
    ),
    (
        "unsettled deliveries without a claim on their business key",
        "SELECT count(*) FROM deliveries d JOIN conversions c ON c.site = d.site AND c.id = d.conversion
         WHERE d.state IN ({unsettled}) AND NOT EXISTS (
           SELECT 1 FROM claims k WHERE k.site = c.site AND k.kind = c.kind AND k.external_id = c.external_id
             AND k.program = d.program AND k.conversion = c.id)",
    ),
    (
        "sales whose refunds exceed their amount",
        "SELECT count(*) FROM (
           SELECT site, refund_of, sum(amount) AS refunded FROM (
             SELECT site, refund_of, max(amount_minor) AS amount FROM conversions
             WHERE kind = 'refund' AND status = 'accepted' GROUP BY site, refund_of, external_id)
           GROUP BY site, refund_of) r
         WHERE refunded > (SELECT max(s.amount_minor) FROM conversions s WHERE s.site = r.site AND s.kind = 'sale'
                             AND s.external_id = r.refund_of AND s.status = 'accepted')",
    ),
    (
        "unfinished attempts whose lease is not their delivery's",
        "SELECT count(*) FROM attempts a JOIN deliveries d ON d.site = a.site AND d.id = a.delivery
         WHERE a.ended_at IS NULL AND d.lease IS NOT a.lease",
    ),
    (
        "deliveries that wait without a due time",
        "SELECT count(*) FROM deliveries WHERE state IN ('due', 'unverified') AND due_at IS NULL",
    ),
    (
        "deliveries that wait for a credential that is not paused",
        "SELECT count(*) FROM deliveries d WHERE d.paused_by IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM lanes l LEFT JOIN shared_lanes s ON s.site = d.site AND s.program = d.program
                           WHERE l.site = coalesce(s.lane_site, d.site) AND l.program = coalesce(s.lane_program, d.program)
                             AND instr(l.pauses, d.paused_by) > 0)",
    ),
    (
        "settled deliveries that are still under a lease or due",
        "SELECT count(*) FROM deliveries
         WHERE state NOT IN ({unsettled}, 'ignored') AND (lease IS NOT NULL OR due_at IS NOT NULL)",
    ),
    (
        "webhooks without a body that are not interpreted yet",
        "SELECT count(*) FROM webhooks w WHERE w.state = 'received'
           AND NOT EXISTS (SELECT 1 FROM webhook_payloads p WHERE p.site = w.site AND p.webhook = w.id)",
    ),
    (
        "tallies that differ from the rows they count",
        "SELECT count(*) FROM (
           SELECT site, subject, word, sum(number) AS number FROM (
             SELECT site, subject, word, number FROM tallies
             UNION ALL SELECT site, 'touch', source, -count(*) FROM touches GROUP BY site, source
             UNION ALL SELECT site, 'conversion', status, -count(*) FROM conversions GROUP BY site, status
             UNION ALL SELECT site, 'delivery', state, -count(*) FROM deliveries GROUP BY site, state)
           GROUP BY site, subject, word)
         WHERE number <> 0",
    ),
];

/// See [`crate::store::operator::OperatorStore::counts`].
pub(super) fn counts(ledger: &Connection) -> Result<Counts, StoreError> {
    let sql = "SELECT subject, word, number FROM tallies";
    let tallies = all(ledger, sql, [], |row| {
        Ok((plain::<String>(row, "subject")?, plain::<String>(row, "word")?, plain::<i64>(row, "number")?))
    })?;
    // Uses the index that has only these rows; a parameter instead of the literal would not.
    let claimed_by_page = format!(
        "SELECT count(*) FROM conversions INDEXED BY conversions_claimed_by_page WHERE code = '{}'",
        Code::ClaimedByPage.as_str()
    );
    Ok(Counts {
        touches: by_word(&tallies, "touch").into_iter().map(|(_, number)| number).sum(),
        conversions: by_word(&tallies, "conversion"),
        claimed_by_page: count(ledger, &claimed_by_page, [])?,
        deliveries: by_word(&tallies, "delivery"),
    })
}

/// The tallies of one subject over all sites, by word.
fn by_word(tallies: &[(String, String, i64)], subject: &str) -> Vec<(String, u64)> {
    let mut sums = BTreeMap::<&str, u64>::new();
    for (_, word, number) in tallies.iter().filter(|(of, _, number)| of == subject && *number > 0) {
        *sums.entry(word).or_default() += number.unsigned_abs();
    }
    sums.into_iter().map(|(word, number)| (word.to_owned(), number)).collect()
}

/// See [`crate::store::operator::OperatorStore::health`].
pub(super) fn health(ledger: &Connection) -> Result<Health, StoreError> {
    let deliveries = "SELECT state, count(*) AS number FROM deliveries GROUP BY state ORDER BY state";
    Ok(Health {
        integrity: integrity(ledger)?,
        schema_version: migrate::version(ledger)?,
        touches: count(ledger, "SELECT count(*) FROM touches", [])?,
        conversions: count(ledger, "SELECT count(*) FROM conversions", [])?,
        deliveries: all(ledger, deliveries, [], |row| {
            Ok((plain(row, "state")?, u64::try_from(plain::<i64>(row, "number")?).unwrap_or(0)))
        })?,
        violations: violations(ledger)?,
    })
}

/// `ok`, or the first faults that SQLite finds in the file.
fn integrity(ledger: &Connection) -> Result<String, StoreError> {
    let found = all(ledger, "PRAGMA integrity_check(10)", [], |row| Ok(row.get::<_, String>(0)?))?;
    Ok(found.join("; "))
}

fn violations(ledger: &Connection) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    let dangling = all(ledger, "PRAGMA foreign_key_check", [], |row| Ok(row.get::<_, String>(0)?))?;
    if !dangling.is_empty() {
        found.push(format!("rows that refer to missing rows: {}, in {}", dangling.len(), unique(dangling)));
    }
    for (rule, sql) in RULES {
        let sql = sql.replace("{unsettled}", &lists::unsettled()).replace("{test}", Code::Test.as_str());
        match count(ledger, &sql.replace("{overruled}", Code::OverruledByServer.as_str()), [])? {
            0 => {}
            number => found.push(format!("{rule}: {number}")),
        }
    }
    Ok(found)
}

fn unique(mut tables: Vec<String>) -> String {
    tables.sort_unstable();
    tables.dedup();
    tables.join(", ")
}
