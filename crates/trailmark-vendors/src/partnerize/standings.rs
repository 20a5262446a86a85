//! Commissions: one walk through the report settles all conversions that its pages show. What a page has settled stays
//! settled if a later answer is no page; if a later page gets no answer, or the proxy's time is over, the whole walk settles
//! nothing. Only a report that was read to its end says that it does not show one. `report` reads pages and entries.

use std::sync::Arc;

use trailmark_wire::conversion::Kind;

use super::Account;
use super::answers;
use super::report::{self, Entry, LABEL, PAGES, Sought};
use crate::Together;
use crate::commission::{Earned, Standing};
use crate::exchange::{Answer, Call, Step};
use crate::outcome::Outcome;
use crate::redaction::Redaction;

/// 31 days. Of a conversion that was told later than that after it happened, one walk may not show the commission.
const MONTH_MS: i64 = 31 * 24 * 60 * 60 * 1000;

/// The conversions of one walk.
type Asked = Arc<[(Earned, Option<Sought>)]>;

/// Asks for the first conversion and for all behind it that are at most a month younger, so that the report stays short.
pub(super) fn ask(account: &Account, earned: &[Earned]) -> Option<Together> {
    let first = earned.first()?.task.occurred_at;
    let near = earned.iter().take_while(|next| next.task.occurred_at.since(first) <= MONTH_MS);
    let asked: Asked = near.map(|earned| (earned.clone(), sought(earned))).collect();
    let times = || asked.iter().filter_map(|(_, sought)| Some(sought.as_ref()?.at));
    let path = report::path(account, times().min()?, Some(times().max()?.plus(MONTH_MS)));
    let (count, found) = (asked.len(), vec![None; asked.len()]);
    Some(Together { count, call: step(account.clone(), asked, found, path, PAGES) })
}

/// A refund has no commission of its own: it changes the sale's.
fn sought(earned: &Earned) -> Option<Sought> {
    let sought = report::sought(&earned.task, earned.reference.as_deref());
    sought.filter(|_| earned.task.kind != Kind::Refund)
}

fn step(
    account: Account,
    asked: Asked,
    found: Vec<Option<Standing>>,
    path: String,
    pages: u32,
) -> Call<Step<Vec<Option<Standing>>>> {
    Call::new(account.get(&path, LABEL), move |answer| {
        let page = match report::page(&account, answer, &Redaction::of(&account.credentials, [])) {
            Ok(page) => page,
            Err(failure) => return Step::Done(filled(&asked, &found, &report::not_read(answer, failure))),
        };
        let found = told(&account, &asked, &found, &page.entries);
        let gave_up = |what: &str| Step::Done(filled(&asked, &found, &not_now(answer, what)));
        match page.next {
            _ if asked.iter().zip(&found).all(|((_, sought), found)| sought.is_none() || found.is_some()) => {
                Step::Done(found)
            }
            Some(next) if next == path => gave_up("the report's next page is the page itself"),
            Some(_) if pages <= 1 => gave_up("the report has too many pages to find one conversion"),
            Some(next) => Step::Next(step(account.clone(), Arc::clone(&asked), found, next, pages - 1)),
            None if page.is_cut => gave_up("the report is longer than this page and names no next one"),
            None => Step::Done(filled(&asked, &found, &report::not_shown())),
        }
    })
}

/// What is known after a page with these entries.
fn told(account: &Account, asked: &Asked, found: &[Option<Standing>], entries: &[Entry]) -> Vec<Option<Standing>> {
    let one = |((earned, sought), found): (&(Earned, Option<Sought>), &Option<Standing>)| {
        let shown = || entries.iter().find(|entry| sought.as_ref().is_some_and(|sought| sought.is(entry)));
        let redaction = account.redaction_of(&earned.task);
        found.clone().or_else(|| Some(report::standing(shown()?, &redaction)))
    };
    asked.iter().zip(found).map(one).collect()
}

/// The answer, with `rest` for each conversion that no page has shown.
fn filled(asked: &Asked, found: &[Option<Standing>], rest: &Standing) -> Vec<Option<Standing>> {
    let one = |((_, sought), found): (&(Earned, Option<Sought>), &Option<Standing>)| {
        found.clone().or_else(|| sought.as_ref().map(|_| rest.clone()))
    };
    asked.iter().zip(found).map(one).collect()
}

fn not_now(answer: &Answer, what: &str) -> Standing {
    report::not_read(answer, Outcome::Unknown { message: answers::said(answer.status, what) })
}
