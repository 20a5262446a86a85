//! The two faults below HTTP: a socket that can be reset, and a body that breaks off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::traffic::Place;

/// Shared by a connection's socket and its service; once pulled, the connection ends in a reset.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ripcord(Arc<AtomicBool>);

impl Ripcord {
    pub(crate) fn pull(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn pulled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A TCP stream that reports what it reads, and closes with RST instead of FIN if its ripcord was pulled.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    ripcord: Ripcord,
    place: Arc<Place>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, ripcord: Ripcord, place: Arc<Place>) -> Self {
        Self { stream, ripcord, place }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.ripcord.pulled() {
            // A linger of zero makes close(2) send RST. If it cannot be set, the client sees a close without an answer.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.place.heard();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ripcord.pulled() {
            // A shutdown would send a FIN instead of the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Payload {
    Whole(Bytes),
    /// The bytes before the break.
    Torn(Bytes),
    /// The connection closes after the earlier bytes were flushed.
    Breaking,
    Sent,
}

/// The break in a torn body.
#[derive(Debug, thiserror::Error)]
#[error("the body was to break off here")]
pub(crate) struct Broken;

impl Body for Payload {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let payload = self.get_mut();
        match std::mem::replace(payload, Self::Sent) {
            Self::Whole(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Self::Whole(_) | Self::Sent => Poll::Ready(None),
            Self::Torn(bytes) if bytes.is_empty() => {
                // Hyper writes its buffer while the body is pending, and drops it when the body fails.
                *payload = Self::Breaking;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Torn(bytes) => {
                *payload = Self::Torn(Bytes::new());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Breaking => Poll::Ready(Some(Err(Broken))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Sent => true,
            Self::Torn(_) | Self::Breaking => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Self::Torn(_) | Self::Breaking | Self::Sent => SizeHint::default(),
        }
    }
}
