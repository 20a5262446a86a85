//! What every ledger must do, as a suite over `dyn Store`. `tests/it/store.rs` runs it for the SQLite store, and `sqlite.rs`
//! runs it with a check of every statement's plan; a Postgres store can use it too. Each function's name is its claim; it
//! panics if the claim does not hold. Nothing here runs in the proxy.
//!
//! [`store_conformance!`](crate::store_conformance) makes one test of each claim.

pub mod accepting;
pub mod arrivals;
pub mod callers;
pub mod carrying;
pub mod keys;
pub mod holding;
pub mod leasing;
pub mod listing;
pub mod operating;
pub mod ordering;
pub mod sharing;
pub mod summing;
pub mod surviving;
pub mod telling;

pub mod samples;

use std::fmt::Debug;
use std::sync::Arc;

use super::Store;

/// An empty place for one ledger.
pub trait Ground: Debug {
    /// Opens the ledger in this place; later calls find what was committed.
    fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of every claim. Takes the path of a function that returns a fresh [`Ground`].
#[macro_export]
macro_rules! store_conformance {
    ($fresh:path) => {
        $crate::store_conformance! { @each $fresh:
            arrivals::a_first_arrival_makes_a_visitor_and_a_touch
            arrivals::a_repeat_by_the_same_cookie_gives_the_same_touch
            arrivals::a_repeat_by_the_same_browser_key_gives_the_same_visitor
            arrivals::whoever_knows_an_arrival_and_its_public_key_adds_nothing_to_its_visitor
            arrivals::a_key_that_came_with_a_repeat_by_cookie_is_known_from_then_on
            arrivals::a_stranger_with_the_same_arrival_id_is_a_new_visitor
            arrivals::a_stranger_with_another_key_is_a_new_visitor
            arrivals::the_same_click_of_the_same_visitor_is_the_same_touch
            arrivals::the_same_click_of_another_visitor_is_another_touch
            arrivals::the_same_partner_without_a_click_is_a_new_touch_at_a_new_arrival
            arrivals::a_reload_makes_no_second_touch_of_what_the_visitor_has_and_every_touch_that_is_new
            arrivals::a_vendors_cookie_counts_only_where_the_program_has_no_touch
            arrivals::a_touch_that_is_never_credited_stands_in_no_ones_way
            arrivals::touches_that_are_never_credited_push_no_other_out_of_a_decision
            arrivals::one_arrival_may_touch_several_programs
            arrivals::nothing_is_written_where_nothing_counts
            arrivals::the_newest_live_touch_is_the_latest_whose_window_is_open
            arrivals::a_touch_is_read_back_as_it_was_captured
            arrivals::a_spent_budget_refuses_what_is_new_and_nothing_else
            arrivals::one_network_cannot_take_the_whole_budget_of_a_site
            arrivals::of_many_arrivals_at_once_no_more_are_recorded_than_the_budget_allows
            arrivals::sites_do_not_see_each_other
            carrying::a_carrier_says_once_whose_visit_it_is
            carrying::a_carrier_says_it_again_to_the_browser_key_of_its_first_use
            carrying::an_old_carrier_is_spent_and_one_that_nobody_announced_is_unknown
            carrying::a_carrier_that_is_announced_again_stays_what_it_was
            carrying::a_visitor_without_a_live_touch_has_nothing_to_carry
            carrying::of_many_browsers_at_once_one_uses_a_carrier
            carrying::a_spent_budget_keeps_no_more_carriers
            accepting::a_conversion_is_accepted_with_all_that_belongs_to_it
            accepting::a_replay_gives_the_first_receipt_and_asks_no_rule
            accepting::the_replay_key_belongs_to_site_and_visitor
            accepting::another_content_under_the_same_jti_is_a_mismatch
            accepting::a_rule_sees_who_holds_the_business_key
            accepting::a_claim_cannot_be_taken_by_a_rule_that_overlooks_it
            accepting::a_key_is_claimed_for_each_kind_and_program_apart
            accepting::a_refusing_rule_leaves_nothing_behind
            accepting::a_rule_sees_the_visitors_signups_and_the_sites_backlog
            accepting::a_rule_sees_of_each_program_the_newest_touches_and_no_flood
            accepting::of_many_at_once_exactly_one_claims_a_key
            accepting::many_at_once_are_all_kept_and_each_gets_its_own_answer
            accepting::a_task_is_read_back_with_its_payload
            callers::an_api_key_is_found_by_its_sites_hash_and_keeps_its_life
            callers::an_idempotency_key_gives_the_first_receipt_and_asks_no_rule
            callers::an_idempotency_key_belongs_to_its_api_key
            callers::a_refused_conversion_leaves_its_idempotency_key_free
            callers::of_many_equal_server_calls_one_makes_a_conversion
            callers::a_servers_conversion_belongs_to_the_visitor_it_names_else_to_the_customers
            callers::a_refund_without_a_customer_belongs_to_the_visitor_of_its_sale
            callers::a_conversion_is_read_back_by_its_own_site_and_whole_id
            holding::a_rule_sees_whether_a_key_was_stated
            holding::a_rule_sees_whose_a_key_is_and_how_many_its_visitor_was_told_of
            holding::a_visitor_of_more_conversions_than_are_looked_at_has_used_up_every_key
            holding::what_closes_itself_stands_as_a_duplicate_behind_a_receipt_that_says_held
            holding::a_rule_about_a_sale_sees_its_customers_signup_and_what_waits
            holding::a_rule_about_a_refund_sees_its_sale_and_what_was_refunded
            holding::only_held_conversions_of_the_same_kind_and_key_are_closed
            holding::a_consequence_for_what_is_not_held_is_refused_with_its_cause
            holding::a_release_is_written_whole_and_once
            holding::a_release_that_is_refused_or_cannot_be_written_changes_nothing
            holding::a_rejection_is_recorded_and_sends_nothing
            keys::keys_come_back_newest_first_with_their_changes
            keys::changes_are_made_all_or_none
            leasing::only_what_is_due_is_leased_and_only_once
            leasing::what_lies_further_ahead_than_it_can_have_been_set_is_due_and_its_lease_over
            leasing::the_gate_says_how_many_and_is_asked_only_when_something_is_due
            leasing::a_send_counts_as_its_row_is_committed_and_a_look_up_does_not
            leasing::one_attempt_is_begun_under_one_lease
            leasing::no_step_is_taken_under_a_foreign_lease
            leasing::a_settled_lease_is_over
            leasing::a_lease_under_which_something_was_begun_is_not_released
            leasing::a_released_delivery_is_due_as_before
            leasing::an_ended_lease_without_an_attempt_is_expired_and_can_be_released
            leasing::an_ended_lease_with_an_open_attempt_shows_it
            leasing::an_ended_lease_is_not_taken_over_and_begins_nothing
            leasing::a_lease_that_hides_its_open_attempt_is_not_settled
            leasing::a_late_answer_is_recorded_on_its_attempt_alone
            leasing::a_key_that_the_vendor_told_late_is_kept_and_replaces_none
            leasing::a_late_answer_stops_what_would_be_sent_again
            leasing::a_late_answer_that_changes_nothing_leaves_it_due
            leasing::what_waits_for_a_credential_is_leased_only_to_try_it_until_its_pause_ends
            leasing::what_is_put_aside_for_a_credential_that_works_again_does_not_wait
            leasing::a_lease_and_its_task_say_whether_an_earlier_send_may_have_taken_effect
            leasing::what_a_send_left_out_is_kept_on_its_delivery
            leasing::lanes_are_kept_apart
            sharing::a_shared_lane_leases_the_longest_due_of_all_its_programs_at_one_pace
            sharing::a_lane_that_is_joined_stays_closed_for_what_closed_one_of_them
            sharing::a_program_that_leaves_a_lane_takes_no_wait_with_it
            leasing::a_glance_names_the_next_due_time_and_the_next_end_of_a_lease
            leasing::a_rejected_conversion_gives_its_key_back
            leasing::a_rejected_conversion_with_an_unknown_send_keeps_its_key
            leasing::a_key_is_kept_while_another_program_has_not_rejected
            ordering::a_rule_sees_how_the_delivery_stands_that_another_follows
            ordering::what_is_held_back_is_due_again_when_the_other_is_settled
            ordering::a_new_delivery_wakes_what_was_blocked_for_want_of_it
            ordering::a_delivery_in_another_program_wakes_nobody
            ordering::nothing_is_held_back_under_a_foreign_lease
            ordering::refunds_of_one_sale_go_one_after_another
            ordering::a_refund_that_is_unsupported_like_its_sale_starts_again_with_it
            ordering::a_refund_is_read_back_with_its_sale_and_the_vendors_keys
            ordering::a_signup_is_named_as_the_use_of_its_touch_before_an_earlier_sale
            ordering::what_was_planned_for_an_unused_touch_is_not_sent_after_another_conversion_of_it
            operating::lists_are_filtered_and_newest_first
            operating::conversions_are_found_by_key_customer_and_partner
            operating::a_conversion_is_found_by_an_unambiguous_beginning
            listing::a_list_goes_on_behind_its_cursor_to_the_end
            listing::a_page_is_not_moved_by_what_comes_meanwhile
            listing::a_list_begins_and_ends_where_it_is_told_to
            listing::a_conversion_is_found_by_any_name_that_people_have_for_it
            listing::a_row_tells_how_its_deliveries_stand
            operating::a_drop_is_made_once_and_recorded
            operating::nothing_is_changed_by_hand_while_it_is_being_sent
            operating::a_rejection_by_hand_frees_the_key_and_a_retry_takes_it_again
            operating::a_retry_after_an_unknown_send_starts_with_a_look_up
            operating::what_an_older_version_ended_as_a_conflict_is_sent_again_only_with_consent
            operating::a_retry_after_an_answer_that_came_too_late_starts_with_a_look_up
            operating::what_was_dropped_while_it_settled_settles_on_when_it_is_replayed
            operating::lanes_say_why_they_stand_still
            operating::counts_agree_with_the_rows
            summing::sales_and_refunds_are_added_up_by_partner_and_currency
            summing::what_is_credited_to_nobody_is_added_up_apart_and_duplicates_count_nowhere
            summing::only_the_chosen_time_is_added_up
            summing::answers_of_one_conversion_each_add_up_to_the_whole
            summing::sums_beyond_64_bits_are_exact
            summing::a_commission_is_added_up_as_the_vendor_told_it
            surviving::what_was_answered_is_there_after_a_drop_without_close
            surviving::leases_and_open_attempts_are_there_after_a_restart
            surviving::a_closed_store_takes_no_work
            telling::a_webhook_is_kept_once_and_a_repeat_has_it_read_again
            telling::what_waits_never_leaves_to_make_room
            telling::a_full_quarantine_refuses_only_what_waits_for_a_person
            telling::an_event_concerns_the_deliveries_of_whom_it_names_in_its_program
            telling::an_event_about_a_transaction_concerns_its_sale_alone
            telling::an_event_about_the_vendors_key_of_a_refund_concerns_its_sale_too
            telling::an_unmatched_event_is_read_again_once_its_delivery_is_recorded
            telling::a_partner_whose_key_was_changed_is_found_by_the_id_in_an_earlier_event
            telling::what_links_a_partners_id_with_a_key_leaves_last
            telling::events_before_a_delivery_are_read_again_by_every_key_of_its_partner
            telling::partners_whose_links_share_a_part_are_kept_apart
            telling::an_answer_never_overwrites_one_to_a_later_question
            telling::a_question_about_a_sale_names_the_key_of_its_newest_refund
            telling::the_newest_refund_of_a_sale_is_the_one_that_was_sent_last
            telling::an_event_during_a_question_has_it_asked_again
            telling::a_question_without_an_answer_is_due_again
            telling::the_gate_says_how_many_questions_are_asked
            telling::operators_replay_and_drop_what_waits_and_nothing_else
        }
    };
    (@each $fresh:path: $($area:ident::$claim:ident)*) => {$(
        #[tokio::test]
        async fn $claim() {
            $crate::store::conformance::$area::$claim(&$fresh()).await;
        }
    )*};
}
