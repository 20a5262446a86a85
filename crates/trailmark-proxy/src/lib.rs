//! The proxy: intake, ledger, outbox, delivery, operator's command line.
