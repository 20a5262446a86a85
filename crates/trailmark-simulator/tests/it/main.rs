//! The simulator from outside: over real HTTP on a free port, and over raw TCP where HTTP hides too much.

mod client;

mod conversions;
mod faults;

mod clock;
mod control;
mod crowd;
mod current;
mod front;
mod guide;
mod introw;
mod introw_affiliate;
mod introw_gate;
mod introw_money;
mod kept;
mod paging;
mod partnero;
mod partnero_hooks;
mod partnero_sales;
mod partnerize;
mod partnerize_guide;
mod partnerize_jobs;
mod partnerize_report;
mod partnerize_users;
mod partnerstack_hooks;
mod rewards;
mod shop;
mod start;
mod strict;
mod violations;
