//! The Trailmark browser SDK.
