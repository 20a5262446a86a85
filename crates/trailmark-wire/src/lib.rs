//! What browser and proxy say to each other: ids, time, money, capture, tokens, envelopes, receipts.
