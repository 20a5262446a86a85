//! The listener: reads calls, has them answered, and sends, delays, tears or resets the answer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, DATE, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::call::{Answer, BODY_LIMIT_BYTES, Call};
use crate::clock::http_date;
use crate::control;
use crate::exchanges::{Exchanges, VARIABLE};
use crate::front;
use crate::postman::{self, Unsent};
use crate::settings::Settings;
use crate::shop;
use crate::socket::{Payload, Ripcord, Socket};
use crate::traffic::{Place, Traffic};
use crate::world::{Conduct, Ending, World};

/// How much of an oversized body is read, so that the client can finish sending and read the refusal.
const DRAIN_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// How long calls under way may take when the simulator stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// How long a step of the clock waits for incomplete calls before it is refused.
const STEP_PATIENCE: Duration = Duration::from_secs(10);

/// How long the listener pauses when the system refuses a connection, for example because of too few file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Webhooks that may wait. A slow receiver delays each by ten seconds.
const MAIL_LIMIT: usize = 10_000;

/// Bytes that a torn answer announces beyond its real length, which may be zero.
const TORN_SURPLUS_BYTES: usize = 64;

/// Starts the simulator.
#[derive(Debug)]
pub struct Simulator;

/// A running simulator. Dropping it stops it immediately.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    world: Shared,
    stop: watch::Sender<bool>,
    listener: JoinHandle<()>,
    postman: JoinHandle<()>,
}

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is taken, or not one of this machine.
    #[error("cannot listen on {address}: {source}; stop the program that uses the port, or choose another address")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The file of [`Settings::state`] cannot be used.
    #[error("cannot keep the simulator's state in {}: {source}; delete the file to begin empty, or name another", path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// The system's word, or what is wrong with the text.
        source: io::Error,
    },
    /// The file that the environment variable `TRAILMARK_EXCHANGES` names cannot be written.
    #[error("cannot append to {}: {source}; let TRAILMARK_EXCHANGES name a file in a folder that exists, or unset it", path.display())]
    Exchanges {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Partner links would lead nowhere.
    #[error("landing URL {given:?} is not an absolute http or https URL: write it like http://127.0.0.1:8787/")]
    LandingUrl {
        /// The given URL.
        given: String,
    },
}

pub(crate) type Shared = Arc<Mutex<World>>;

/// Passes webhooks to the postman.
type Post = mpsc::Sender<Unsent>;

/// Asks the listener to accept all waiting connections, and to say when that is done.
type Bell = mpsc::Sender<oneshot::Sender<()>>;

/// What every connection needs.
#[derive(Clone, Debug)]
struct Parts {
    world: Shared,
    post: Post,
    traffic: Traffic,
    bell: Bell,
}

/// The connection must be reset. Hyper drops a connection on any error of the service.
#[derive(Debug, thiserror::Error)]
#[error("the connection was to be reset here")]
struct Reset;

impl Simulator {
    /// Binds the address and serves until [`Running::shutdown`]. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`StartError::Listen`] if the address cannot be bound, [`StartError::LandingUrl`] if the landing URL is invalid,
    /// [`StartError::State`] if the file of the state cannot be read or written, [`StartError::Exchanges`] if the file of
    /// `TRAILMARK_EXCHANGES` cannot be.
    pub async fn start(settings: Settings) -> Result<Running, StartError> {
        landing_page(&settings.landing_url)?;
        let failed = |source| StartError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let exchanges = std::env::var_os(VARIABLE).map(PathBuf::from);
        let opened = Exchanges::open(exchanges.as_deref());
        let exchanges =
            opened.map_err(|source| StartError::Exchanges { path: exchanges.unwrap_or_default(), source })?;
        let path = settings.state.clone().unwrap_or_default();
        let world = World::open(Settings { listen: address, ..settings }, exchanges);
        let world = Arc::new(Mutex::new(world.map_err(|source| StartError::State { path, source })?));
        let (post, mail) = mpsc::channel(MAIL_LIMIT);
        let postman = tokio::spawn(postman::deliver(mail, world.clone()));
        let (bell, rung) = mpsc::channel(1);
        let parts = Parts { world: world.clone(), post, traffic: Traffic::default(), bell };
        let listener = tokio::spawn(listen(listener, parts, rung, stopped));
        Ok(Running { address, world, stop, listener, postman })
    }
}

impl Running {
    /// The listening address, with the real port even if port 0 was requested.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes to the file of [`Settings::state`] what was not written yet. Every call does so by itself and goes on where that
    /// fails, so this is how to hear of it.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self) -> io::Result<()> {
        lock(&self.world).save()
    }

    /// Takes no more connections, lets calls under way finish for a second, and closes everything.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.listener).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listener.abort();
        self.postman.abort();
    }
}

/// The landing URL without its fragment, if it is absolute and a redirect can contain it.
pub(crate) fn landing_page(url: &str) -> Result<Uri, StartError> {
    let uri = url.split('#').next().unwrap_or_default().parse::<Uri>().ok();
    let absolute = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    uri.filter(absolute)
        .filter(|_| HeaderValue::from_str(url).is_ok())
        .ok_or_else(|| StartError::LandingUrl { given: url.to_owned() })
}

async fn listen(
    listener: TcpListener,
    parts: Parts,
    mut rung: mpsc::Receiver<oneshot::Sender<()>>,
    mut stopped: watch::Receiver<bool>,
) {
    // A second handle of the same socket, to accept waiting connections without the runtime.
    let door = listener.as_fd().try_clone_to_owned().map(std::net::TcpListener::from);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let place = parts.traffic.open(&stream);
                    connections.spawn(serve(stream, place, parts.clone(), stopped.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(answer) = rung.recv() => {
                while let Ok(Ok((stream, _))) = door.as_ref().map(std::net::TcpListener::accept) {
                    let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) else {
                        continue;
                    };
                    let place = parts.traffic.open(&stream);
                    connections.spawn(serve(stream, place, parts.clone(), stopped.clone()));
                }
                let _ = answer.send(());
            }
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop((listener, door));
    let finished = async { while connections.join_next().await.is_some() {} };
    // Calls that have not finished by then are aborted with the set.
    let _ = tokio::time::timeout(SHUTDOWN_GRACE, finished).await;
}

async fn serve(stream: TcpStream, place: Place, parts: Parts, mut stopped: watch::Receiver<bool>) {
    // An answer is one small write, which Nagle's algorithm would only delay.
    let _ = stream.set_nodelay(true);
    let (ripcord, place) = (Ripcord::default(), Arc::new(place));
    let socket = TokioIo::new(Socket::new(stream, ripcord.clone(), place.clone()));
    let service = service_fn(|request| respond(request, parts.clone(), ripcord.clone(), place.clone()));
    // Otherwise Hyper would close a connection that is idle for 30 s: a reset that nobody ordered.
    let mut connection = pin!(http1::Builder::new().header_read_timeout(None).serve_connection(socket, service));
    tokio::select! {
        // Vanished clients and ordered faults both end here; neither is an error.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn respond(
    request: Request<Incoming>,
    parts: Parts,
    ripcord: Ripcord,
    place: Arc<Place>,
) -> Result<Response<Payload>, Reset> {
    let (head, body) = request.into_parts();
    let body = read(body).await.map_err(|_| Reset)?;
    let call = Call::new(&head, body);
    let is_late = control::moves_time(&call) && !calls_are_dealt_with(&parts, &place).await;
    let (conduct, now_ms) = if is_late {
        (whole_at_once(control::not_moved(STEP_PATIENCE.as_secs())), lock(&parts.world).clock.now_ms())
    } else {
        deal(&parts.world, &parts.post, &call)
    };
    place.dealt_with();
    tokio::time::sleep(Duration::from_millis(conduct.delay_ms)).await;
    match conduct.ending {
        Ending::Whole => Ok(whole(conduct.answer, now_ms)),
        Ending::Torn => Ok(torn(conduct.answer, now_ms)),
        Ending::Reset => {
            ripcord.pull();
            Err(Reset)
        }
    }
}

/// Waits until every call that was sent before the call of `place` has ended; returns whether they ended in time.
async fn calls_are_dealt_with(parts: &Parts, place: &Place) -> bool {
    // Otherwise two steps would wait for each other.
    place.dealt_with();
    let (answer, accepted) = oneshot::channel();
    if parts.bell.send(answer).await.is_ok() {
        let _ = accepted.await;
    }
    tokio::time::timeout(STEP_PATIENCE, parts.traffic.quiet()).await.is_ok()
}

fn whole_at_once(answer: Answer) -> Conduct {
    Conduct { delay_ms: 0, answer, ending: Ending::Whole }
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    // A poisoned lock means that another call panicked; its state is still the best there is.
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn deal(world: &Shared, post: &Post, call: &Call) -> (Conduct, i64) {
    let mut world = lock(world);
    let conduct = match call.segments.first().map(String::as_str) {
        Some(control::ROOT) => whole_at_once(control::answer(&mut world, call)),
        Some(shop::ROOT) => whole_at_once(shop::answer(call, world.landing_url(), world.clock.now_ms())),
        _ if front::asks(call) => whole_at_once(front::answer(&world)),
        _ => world.take(call),
    };
    for unsent in world.news() {
        // The postman lives as long as the server, so an error means that too many webhooks are waiting.
        if let Err(mpsc::error::TrySendError::Full(Unsent { outgoing, url, .. })) = post.try_send(unsent) {
            world.note(outgoing.sent(url, None));
        }
    }
    // Tried again with the next call, and told by `Running::save`.
    let _ = world.save();
    (conduct, world.clock.now_ms())
}

/// `None` if the body is larger than [`BODY_LIMIT_BYTES`].
async fn read(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let mut kept = BytesMut::new();
    let mut size = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size <= BODY_LIMIT_BYTES {
            kept.extend_from_slice(&data);
        }
        if size > DRAIN_LIMIT_BYTES {
            break;
        }
    }
    Ok((size <= BODY_LIMIT_BYTES).then(|| kept.freeze()))
}

fn whole(answer: Answer, now_ms: i64) -> Response<Payload> {
    let body = answer.body.clone();
    response(answer, now_ms, Payload::Whole(body))
}

/// Half of the answer, with a length that announces more than all of it.
fn torn(answer: Answer, now_ms: i64) -> Response<Payload> {
    let promised = HeaderValue::from(answer.body.len() + TORN_SURPLUS_BYTES);
    let half = answer.body.slice(..answer.body.len() / 2);
    let mut response = response(answer, now_ms, Payload::Torn(half));
    response.headers_mut().insert(CONTENT_LENGTH, promised);
    response
}

/// `Date` is simulated too; otherwise it would contradict an HTTP-date in `Retry-After`.
fn response(answer: Answer, now_ms: i64, body: Payload) -> Response<Payload> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    let date = http_date(now_ms).and_then(|date| HeaderValue::from_str(&date).ok());
    response.headers_mut().extend(date.map(|date| (DATE, date)));
    response
}
