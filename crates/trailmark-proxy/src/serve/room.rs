//! How much of a listener one client may use: connections of one network at once, and time without progress of an
//! answer. Connections from this machine and from the operator's own web servers are not counted, because they carry
//! everybody's requests.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{future::Future, io};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::config::{Limits, Server};
use crate::intake::{ClientNetwork, is_trusted, network};

/// Longest time without progress of an answer: a client that reads nothing for so long is gone or only occupies the
/// connection.
const STALL_TIME: Duration = Duration::from_secs(30);

/// Open connections by network.
type Open = Arc<Mutex<HashMap<ClientNetwork, usize>>>;

/// The limits of a listener.
#[derive(Clone)]
pub struct Room {
    pub(super) connections: usize,
    pub(super) stall: Duration,
    per_network: usize,
    is_counted: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    open: Open,
}

impl Room {
    /// For browsers and backends: the limits of `limits`, except for loopback and `server.trusted_proxies`.
    pub fn public(limits: &Limits, server: &Server) -> Self {
        let server = server.clone();
        let is_counted = move |ip: IpAddr| !ip.is_loopback() && !is_trusted(&server, ip);
        Self::from(limits.connections).for_each_network(limits.connections_per_network, is_counted)
    }

    /// Limits the connections of each network whose addresses are counted.
    #[must_use]
    pub fn for_each_network(self, most: usize, is_counted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self { per_network: most, is_counted: Arc::new(is_counted), ..self }
    }

    /// Sets another time for an answer without progress.
    #[must_use]
    pub fn ending_after(self, stall: Duration) -> Self {
        Self { stall, ..self }
    }

    /// A place for a connection from this address; `None` if its network has no more.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let network = network(peer);
        if !(self.is_counted)(peer) {
            return Some(Place(None));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        if *count >= self.per_network {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Place(Some((Arc::clone(&self.open), network))))
    }
}

/// This many connections, and as many for each network.
impl From<usize> for Room {
    fn from(connections: usize) -> Self {
        Self {
            connections,
            stall: STALL_TIME,
            per_network: connections,
            is_counted: Arc::new(|_| false),
            open: Arc::default(),
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// The place of one connection; freed when dropped.
pub(super) struct Place(Option<(Open, ClientNetwork)>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some((open, network)) = self.0.take() else { return };
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        let left = open.get(&network).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => open.remove(&network),
            _ => open.insert(network, left),
        };
    }
}

/// A stream whose writes fail after a time without progress.
#[derive(Debug)]
pub(super) struct Progressing<S> {
    stream: S,
    stall: Duration,
    /// When the write fails if the peer still reads nothing; `None` while it reads.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Progressing<S> {
    pub(super) fn new(stream: S, stall: Duration) -> Self {
        Self { stream, stall, stalled: None }
    }

    fn judged<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall))).as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progressing<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progressing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judged(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judged(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.judged(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judged(cx, closed)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    // field-faults row 63
    #[tokio::test]
    async fn an_answer_that_makes_no_progress_ends_and_one_that_makes_some_goes_on() {
        let (here, mut there) = tokio::io::duplex(4);
        let mut stream = Progressing::new(here, Duration::from_secs(3600));
        let cx = &mut Context::from_waker(Waker::noop());
        let mut write = |stream: &mut Progressing<_>| Pin::new(stream).poll_write(cx, b"answer").map(|done| done.ok());
        assert_eq!(write(&mut stream), Poll::Ready(Some(4)));
        for _ in 0..3 {
            assert_eq!((write(&mut stream), stream.stalled.is_some()), (Poll::Pending, true));
            there.read_u8().await.unwrap();
            assert_eq!(
                (write(&mut stream), stream.stalled.is_some()),
                (Poll::Ready(Some(1)), false),
                "a byte is progress"
            );
        }
        stream.stall = Duration::ZERO;
        let ended = stream.write_all(b"answer").await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    }

    // field-faults row 63
    #[test]
    fn one_network_has_so_many_places_and_another_ones_are_its_own() {
        let ours: IpAddr = "10.0.0.1".parse().unwrap();
        let room = Room::from(9).for_each_network(2, move |ip| ip != ours);
        let enter = |ip: &str| room.enter(ip.parse().unwrap());
        let (first, second) = (enter("198.51.100.1"), enter("::ffff:198.51.100.1"));
        assert!(first.is_some() && second.is_some() && enter("198.51.100.1").is_none());
        let neighbours = [enter("198.51.100.2"), enter("2001:db8::1"), enter("2001:db8::2"), enter("2001:db8:0:1::1")];
        assert!(neighbours.iter().all(Option::is_some));
        assert!(enter("2001:db8::3").is_none(), "a /64 is one network");
        let front: Vec<_> = (0..9).map(|_| enter("10.0.0.1")).collect();
        assert!(front.iter().all(Option::is_some), "a web server in front is everybody");
        drop(first);
        assert!(enter("198.51.100.1").is_some(), "a place that is free again");
        drop((second, neighbours, front));
        assert!(room.open.lock().unwrap().is_empty(), "nothing is kept of who was here");
    }
}
