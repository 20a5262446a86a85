//! The proxy, which the merchant runs on its own host.
//!
//! A click and a conversion pass its modules in this order: `config` has the sites and programs; `clock` is the only
//! time; `keys` sign and verify tokens; `intake` answers browsers and decides what is believed; `store` is the
//! ledger; `outbox` decides when and what to send next; `delivery` acts on it through `egress`, the only HTTP client;
//! `admin` and `cli` give operators access to the ledger; `doctor` looks at it all from outside, as a page does.

pub mod config;

mod nearest;

pub mod clock;
pub mod observe;
pub mod random;

pub mod api_keys;
pub mod json;
pub mod keys;

pub mod assets;
pub mod code;
pub mod intake;

pub mod store;

pub mod outbox;

pub mod lanes;

pub mod egress;

pub mod delivery;

pub mod commissions;

pub mod app;

pub mod follow_up;

pub mod answer;
pub mod explain;

pub mod admin;

pub mod serve;

mod doctor;

pub mod cli;
