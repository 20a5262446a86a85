//! Reads and discards the rest of a body whose answer is known early, before the answer is sent. Closing a connection
//! with unread bytes resets it, and a web server in front that is still writing then tells the page 502 instead of
//! the answer. The bytes are never interpreted.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// Most bytes discarded: as many as docs/deploy.md lets a web server in front pass on.
const MOST_BYTES: usize = 1024 * 1024;

/// Longest time for it. The web server in front has most of the body already.
const TIME: Duration = Duration::from_secs(5);

/// A body for the router, and a receiver that gets it back if it is dropped before its end.
pub(super) fn lend(body: Incoming) -> (Body, oneshot::Receiver<Incoming>) {
    let (back, rest) = oneshot::channel();
    (Body::new(Lent { body: Some(body), back: Some(back) }), rest)
}

/// Reads what came back, within the limits; beyond them the connection is simply closed.
pub(super) async fn drain(mut rest: oneshot::Receiver<Incoming>) {
    let Ok(mut body) = rest.try_recv() else { return };
    let reading = async {
        let mut size = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            size = size.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if size > MOST_BYTES {
                break;
            }
        }
    };
    // A timeout is treated like too many bytes.
    let _ = tokio::time::timeout(TIME, reading).await;
}

struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.is_end_stream() {
            return;
        }
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody waits for it if the connection is gone.
            let _ = back.send(body);
        }
    }
}
