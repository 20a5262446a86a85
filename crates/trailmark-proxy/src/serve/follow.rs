//! Follows the simulator's clock (`serve --clock-url`), so that an hour of retries passes in a second. Allowed only
//! if every vendor is on loopback, because a real vendor uses real time.
//!
//! The simulator names the file with its offset, which the clock reads itself, so that both always agree. The
//! simulator is still polled, because it has another file after a restart.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::task::JoinHandle;
use trailmark_vendors::exchange::{Method, Request};
use trailmark_vendors::secret::Secret;
use url::Url;

use super::ServeError;
use crate::clock::SystemClock;
use crate::config::Origin;
use crate::egress::{Bounds, Egress, Failure};

/// How often the simulator is polled.
const PACE: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
struct Told {
    offset_ms: i64,
    file: Option<PathBuf>,
}

/// Sets `clock` by the clock at `url` and follows it until the task is aborted.
///
/// # Errors
/// [`ServeError::ClockUrl`] if the address is not on loopback; [`ServeError::Clock`] if it does not answer like a simulator.
pub(super) async fn follow(url: &str, clock: Arc<SystemClock>) -> Result<JoinHandle<()>, ServeError> {
    let refused = |reason: &str| ServeError::ClockUrl { reason: reason.to_owned() };
    let parsed = Url::parse(url).map_err(|_unreadable| refused("is not an address"))?;
    let origin = Origin::parse(&parsed.origin().ascii_serialization()).map_err(refused)?;
    if !origin.is_loopback() {
        return Err(refused("is not on loopback"));
    }
    let host = parsed.port().map_or_else(|| origin.host().to_owned(), |port| format!("{}:{port}", origin.host()));
    let egress = Egress::new([host], Bounds::default(), Arc::<SystemClock>::clone(&clock))
        .map_err(|error| refused(&error.to_string()))?;
    let request = Request {
        method: Method::Get,
        url: Secret::new(parsed.as_str()),
        headers: Vec::new(),
        body: None,
        label: "GET clock",
    };
    let unread = |reason| ServeError::Clock { url: url.to_owned(), reason };
    let told = ask(&egress, &request).await.map_err(unread)?;
    clock.follow(told.offset_ms, told.file);
    Ok(tokio::spawn(async move {
        loop {
            tokio::time::sleep(PACE).await;
            // Without an answer the clock keeps its offset.
            if let Ok(told) = ask(&egress, &request).await {
                clock.follow(told.offset_ms, told.file);
            }
        }
    }))
}

async fn ask(egress: &Egress, request: &Request) -> Result<Told, String> {
    let answer = egress.send(request).await.map_err(|failure| match failure {
        Failure::NotSent(reason) => reason.to_string(),
        Failure::Unknown(lost) => lost.to_string(),
    })?;
    let told: Option<Told> = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200);
    told.ok_or_else(|| "does not answer like a simulator's clock".to_owned())
}
