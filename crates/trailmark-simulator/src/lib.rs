//! Strict local doubles of the four partner platforms.
