//! The two ways of waiting that the SDK needs: for a gate to open, and for one of two futures to end. No timer of its own;
//! [`crate::page::Page::sleep`] is one of the two.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, Waker};

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

    /// Holds up whoever comes from now on.
    pub fn close(&self) {
        self.open.set(false);
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

/// The output of `work` if it ends before `limit`. What does not is still there, and may be run on.
pub async fn within<W: Future + Unpin>(work: &mut W, limit: impl Future<Output = ()>) -> Option<W::Output> {
    let mut limit = std::pin::pin!(limit);
    poll_fn(|context| {
        if let Poll::Ready(output) = Pin::new(&mut *work).poll(context) {
            return Poll::Ready(Some(output));
        }
        limit.as_mut().poll(context).map(|()| None)
    })
    .await
}
