//! Which calls were sent and have not ended: those under way, and those still unread in a socket, perhaps of a client that
//! was killed meanwhile. The clock waits for them: a call that was sent before a step of the clock happens before the step.
//!
//! Otherwise the vendor would answer "no such thing" long after the call and process it even later, which no vendor does.
//! Decides nothing and reads nothing; the server's sockets report what they see.

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
    /// Signalled on every event that may end a wait.
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
    /// A second handle of the socket, to look for unread bytes; `None` if the system gives none.
    socket: Option<Raw>,
    /// Whether a call was read in part or whole and has not ended.
    is_under_way: bool,
}

/// A connection's place, given back when dropped.
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

    /// Returns when every call that has begun to arrive on an accepted connection has ended, or its connection is gone.
    pub(crate) async fn quiet(&self) {
        let mut news = self.news.subscribe();
        while self.lock().open.values().any(Line::is_busy) {
            // Cannot fail: the sender is a field of `self`.
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

    /// The call has ended, with or without an effect.
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
        // The socket does not block: nothing to read is an error here, and the end of the stream is zero bytes.
        let unread = || self.socket.as_ref().is_some_and(|socket| matches!(socket.peek(&mut [0]), Ok(1..)));
        self.is_under_way || unread()
    }
}
