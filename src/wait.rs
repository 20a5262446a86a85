//! The SDK waits in two ways: for a gate to open, and for the first of two futures to end. There is no timer here; callers
//! pass [`crate::page::Page::sleep`] as the second future.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, Waker};

/// A future on the heap.
pub type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// A gate that several tasks wait for. It can close again.
#[derive(Debug, Default)]
pub struct Gate {
    open: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Gate {
    /// Opens the gate and wakes every task that waits.
    pub fn open(&self) {
        self.open.set(true);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Closes the gate; returns whether it was open.
    pub fn close(&self) -> bool {
        self.open.replace(false)
    }

    /// Returns when the gate is open.
    pub async fn passed(&self) {
        poll_fn(|context| {
            if self.open.get() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// The output of `work` if it ends before `limit`; otherwise `None`, and the caller can continue to poll `work`. Takes
/// trait objects, so that the module has this code once.
pub async fn within<T>(work: &mut Task<T>, limit: Task<()>) -> Option<T> {
    let mut limit = limit;
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => limit.as_mut().poll(context).map(|()| None),
    })
    .await
}
