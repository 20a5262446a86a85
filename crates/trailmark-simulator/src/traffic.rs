//! Which calls have been sent and not yet dealt with: those under way, and those that still lie unread in a socket, perhaps
//! of a client that was killed since. Time waits for them: a call that was sent before a step of the clock happens before it.
//!
//! Otherwise a vendor would answer "no such thing" long after the call, and work it off later still, which none does.
//! Decides nothing and reads nothing; the server's sockets tell it what they see.

use std::collections::BTreeMap;
use std::net::TcpStream as Raw;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::watch;

/// Every open connection.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    lines: Arc<Mutex<Lines>>,
    /// Told of everything that may end a wait.
    news: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Lines {
    open: BTreeMap<u64, Line>,
    last: u64,
}

/// One connection.
#[derive(Debug)]
struct Line {
    /// The same socket once more, to look for what nobody has read; `None` where the system gives no second handle.
    socket: Option<Raw>,
    /// Something was read of a call that has not been dealt with.
    is_under_way: bool,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    traffic: Traffic,
    number: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { lines: Arc::default(), news: watch::channel(()).0 }
    }
}

impl Traffic {
    /// A connection was accepted.
    pub(crate) fn open(&self, stream: &TcpStream) -> Place {
        let socket = stream.as_fd().try_clone_to_owned().ok().map(Raw::from);
        let mut lines = self.lock();
        lines.last += 1;
        let number = lines.last;
        lines.open.insert(number, Line { socket, is_under_way: false });
        Place { traffic: self.clone(), number }
    }

    /// Until every call that has begun to arrive on an accepted connection was dealt with, or its connection is gone.
    pub(crate) async fn quiet(&self) {
        let mut news = self.news.subscribe();
        while self.lock().open.values().any(Line::is_busy) {
            // The sender lives in `self`.
            let _ = news.changed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Bytes of a call were read.
    pub(crate) fn heard(&self) {
        self.set(true);
    }

    /// The call took its effect, or none.
    pub(crate) fn dealt_with(&self) {
        self.set(false);
    }

    fn set(&self, is_under_way: bool) {
        if let Some(line) = self.traffic.lock().open.get_mut(&self.number) {
            line.is_under_way = is_under_way;
        }
        self.traffic.news.send_replace(());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.traffic.lock().open.remove(&self.number);
        self.traffic.news.send_replace(());
    }
}

impl Line {
    fn is_busy(&self) -> bool {
        // The socket does not block: nothing to read is an error here, and an end is no byte.
        let unread = || self.socket.as_ref().is_some_and(|socket| matches!(socket.peek(&mut [0]), Ok(1..)));
        self.is_under_way || unread()
    }
}
