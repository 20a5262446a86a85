//! One HTTP/1.1 listener: accepts connections up to a limit, limits the time for heads and answers, adds the peer to
//! each request, and stops without cutting answers short. The router answers.

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

/// Longest time for a request's head, and for an idle connection.
const HEAD_TIME: Duration = Duration::from_secs(20);

/// Most bytes of a request's head: eight times what common servers allow for one header, because vendors' cookies add
/// up.
const HEAD_BYTES: usize = 64 * 1024;

/// Longest time for running answers after the listener stops.
const DRAIN_TIME: Duration = Duration::from_secs(15);

/// Pause after a failed accept, for example without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running listener.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Serves `router` on a bound listener, within the limits of `room`.
    ///
    /// # Errors
    /// If the listener does not know its own address.
    pub fn start(listener: TcpListener, router: Router, room: impl Into<Room>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, router, room.into(), stopped));
        Ok(Self { address, stop, task })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more and waits for running answers, with a time limit.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // The runtime has reported a panic of the accepting task; then nothing is left to stop.
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
                        // Answers are small and whole: waiting for a full segment would only delay them.
                        let _ = stream.set_nodelay(true);
                        let stream = Progressing::new(stream, room.stall);
                        connection(&graceful, stream, peer, router.clone(), (place, own));
                    }
                    None => tracing::debug!("a client network reached its limit of connections: closed one more"),
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

/// Returns when the listener must stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that the handle was dropped, which also stops the listener.
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
        // A client that sends `Expect` sends no body if it gets the answer first.
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
