//! The Trailmark browser SDK: notices that a partner brought a visitor, and tells the company's own proxy when that visitor
//! becomes a customer. It runs as a WebAssembly module behind a small script that never blocks the page
//! (`pkg-template/stub.js`, `pkg-template/loader.js`); every decision is plain Rust over the trait [`page::Page`].
//!
//! In the order in which data flows:
//!
//! 1. [`config`]: the settings of the script tag, and the arrival that the stub remembered;
//! 2. [`capture`]: landing URL and named cookies, by the wire's rules: is this a touch?
//! 3. [`click`]: the click token that the proxy gives for it, kept for later pages;
//! 4. [`consent`]: what may be done at all;
//! 5. [`conversion`]: a signup or a lead, checked and given its id;
//! 6. [`queue`]: where it waits until the proxy has answered for it;
//! 7. [`send`]: its signed envelope, and what the answer asks for;
//! 8. [`tracker`]: the parts together, one per site and document;
//! 9. [`page`] and [`wait`]: what the host gives; `browser` gives it in a browser, the only place that uses web-sys; `js` is
//!    the surface that JavaScript sees.
//!
//! What it does not do: verify tokens (the proxy's keys are the proxy's), decide about credit, hold any secret. It
//! never throws into the page and never waits for the network on the page's behalf beyond
//! [`trailmark_wire::limits::SETTLE_MS`].

pub mod config;

pub mod capture;

pub mod click;

pub mod consent;

pub mod conversion;

pub mod queue;

pub mod send;

pub mod tracker;

pub mod json;

pub mod page;

pub mod wait;

#[cfg(target_arch = "wasm32")]
pub mod browser;

#[cfg(target_arch = "wasm32")]
pub mod js;

/// A small allocator: the default one costs the module two kilobytes, compressed, and this SDK allocates little and rarely.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());
