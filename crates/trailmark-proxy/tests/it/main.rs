//! What the proxy promises, tested through its public surface: one binary for the whole crate.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod admin;
mod claims_foreign;
mod cli;
mod config;
mod delivery_chaos;
mod delivery_egress;
mod delivery_engine;
mod delivery_lanes;
mod delivery_orders;
mod delivery_outbox;
mod delivery_world;
mod intake_clicks;
mod intake_conversions;
mod intake_keys;
mod intake_network;
mod intake_noise;
mod intake_refusals;
mod intake_serve;
mod intake_table;
mod money_operator;
mod money_orders;
mod money_server;
mod explain;
mod redirect_beacon;
mod redirect_hostile;
mod redirect_links;
mod redirect_sites;
mod server_calls;
mod server_conversions;
mod server_keys;
mod sites_apart;
mod store;
mod store_model;
mod support;
mod touch_truth;
