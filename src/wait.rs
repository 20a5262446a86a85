//! The two ways of waiting that the SDK needs: for a gate to open, and for one of two futures to end. No timer of its own;
//! [`crate::page::Page::sleep`] is one of the two.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, Waker};

/// A future on the heap.
pub type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// Something that many wait for; it may close again.
#[derive(Debug, Default)]
pub struct Gate {
    open: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Gate {
    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.open.set(true);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Holds up whoever comes from now on; says whether it was open.
    pub fn close(&self) -> bool {
        self.open.replace(false)
    }

    /// Ends when the gate is open.
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

/// The output of `work` if it ends before `limit`. What does not is still there, and may be run on. Over trait objects, so
/// that the module holds it once.
pub async fn within<T>(work: &mut Task<T>, limit: Task<()>) -> Option<T> {
    let mut limit = limit;
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => limit.as_mut().poll(context).map(|()| None),
    })
    .await
}
