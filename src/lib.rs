//! The Trailmark browser SDK. It detects that a partner brought a visitor, and tells the company's own proxy when that
//! visitor becomes a customer. It runs as a WebAssembly module behind a small script that never blocks the page
//! (`pkg-template/stub.js`, `pkg-template/loader.js`). Every decision is plain Rust without I/O.
//!
//! In the order in which data flows:
//!
//! 1. [`config`]: the settings of the script tag, and the arrival that the stub recorded;
//! 2. [`capture`]: reads the landing URL and the named cookies by the wire's rules: is this a touch?
//! 3. [`click`]: the click token that the proxy returns for the touch, stored for later pages;
//! 4. [`consent`]: what the SDK may do at all;
//! 5. [`conversion`]: a signup, lead or sale, checked and given its id;
//! 6. [`queue`]: where the conversion waits until the proxy has answered;
//! 7. [`send`]: its signed envelope, and what the answer asks for;
//! 8. [`tracker`]: connects these parts, once per site and document: a state machine that takes events and returns effects;
//! 9. [`page`]: what the host answers at once, and the events and effects for everything that takes time. `browser` has both
//!    for a real page and is the only place that uses web-sys; `js` is the surface that JavaScript sees.
//!
//! The SDK does not verify tokens (that needs the proxy's keys), does not decide about credit, and holds no secret. It
//! never throws into the page, and no call waits for the network longer than [`trailmark_wire::limits::SETTLE_MS`].

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

#[cfg(target_arch = "wasm32")]
pub mod browser;

#[cfg(target_arch = "wasm32")]
pub mod js;

/// A small allocator. The default one costs the module two kilobytes, compressed, and this SDK allocates little and rarely.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());
