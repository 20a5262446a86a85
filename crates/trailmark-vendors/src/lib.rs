//! One module per partner platform: requests, reading of answers, capabilities; no I/O.
