//! One HTTP/1.1 listener: accepts connections up to a limit, gives slow heads and answers a time, tells each request who its peer is, and
//! stops without cutting answers short. What is answered is the router's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use http::header::EXPECT;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::rest;
use super::room::{Place, Progressing, Room};
use crate::intake::Peer;

/// How long a request's head may take, and an idle connection wait for the next one.
const HEAD_TIME: Duration = Duration::from_secs(20);

/// Bytes of a request's head: eight times what common servers allow a single header, since vendors' cookies add up.
const HEAD_BYTES: usize = 64 * 1024;

/// How long answers under way may take once the listener stops.
const DRAIN_TIME: Duration = Duration::from_secs(15);

/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that serves.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Serves `router` on a bound listener, with at most as many connections open at once as `room` has.
    ///
    /// # Errors
    /// When the listener does not know its own address.
    pub fn start(listener: TcpListener, router: Router, room: impl Into<Room>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, router, room.into(), stopped));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more and waits for answers under way, not for ever.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A panic in the accepting task has been reported by the runtime; there is nothing left to stop then.
        let _ = self.task.await;
    }
}

async fn serve(listener: TcpListener, router: Router, room: Room, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(room.connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        tokio::select! {
            () = told(&mut stopped) => break,
            accepted = next => match accepted {
                Some((Ok((stream, peer)), place)) => match room.enter(peer.ip()) {
                    Some(own) => {
                        // Answers are small and whole: waiting to fill a segment would only delay them.
                        let _ = stream.set_nodelay(true);
                        let stream = Progressing::new(stream, room.stall);
                        connection(&graceful, stream, peer, router.clone(), (place, own));
                    }
                    None => tracing::debug!("a client network has as many connections as it may: one more was closed"),
                },
                Some((Err(error), _)) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                None => break,
            },
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!("some answers took too long and were cut short");
    }
}

/// Returns once the listener shall stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody is left to ask for it: the same.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn connection(
    graceful: &GracefulShutdown,
    stream: Progressing<TcpStream>,
    peer: SocketAddr,
    router: Router,
    places: (OwnedSemaphorePermit, Place),
) {
    let service = service_fn(move |request: Request<Incoming>| {
        // Who waits to be asked for a body sends none when the answer comes instead.
        let sends_unasked = !request.headers().contains_key(EXPECT);
        let (mut head, body) = request.into_parts();
        head.extensions.insert(Peer(peer));
        let (body, rest) = rest::lend(body);
        let answering = router.clone().oneshot(Request::from_parts(head, body));
        async move {
            let answer = answering.await;
            if sends_unasked {
                rest::drain(rest).await;
            }
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(places);
    });
}
