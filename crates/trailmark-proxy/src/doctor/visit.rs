//! The requests of `doctor`, as a browser on the page sends them. Each host has a client of its own; redirects of the page are
//! followed here, since the client follows none. Judges nothing.

use std::sync::Arc;

use trailmark_vendors::exchange::{Answer, Method, Request};
use trailmark_vendors::secret::Secret;
use url::Url;

use crate::clock::Clock;
use crate::egress::{Bounds, Egress};

/// Redirects that are followed, as many as a site with a language and a slash needs.
const REDIRECTS: usize = 5;

/// The page of whose origin the requests come, and the clock.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) origin: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl Visit {
    /// The page behind an address, and where it is in the end.
    pub(super) async fn page(url: Url, clock: &Arc<dyn Clock>) -> Result<(Url, Answer), String> {
        let mut at = url;
        for _ in 0..=REDIRECTS {
            let answer = send(clock, Method::Get, &at, vec![("accept", "text/html".to_owned())], None).await?;
            let leads = answer.header("location").filter(|_| (300..400).contains(&answer.status));
            match leads.and_then(|to| at.join(to).ok()) {
                Some(next) => at = next,
                None => return Ok((at, answer)),
            }
        }
        Err(format!("it redirects more than {REDIRECTS} times"))
    }

    /// Asks for a file or document.
    pub(super) async fn get(&self, url: &Url) -> Result<Answer, String> {
        send(&self.clock, Method::Get, url, Vec::new(), None).await
    }

    /// Posts as a page does; `cookies` are what the browser would send.
    pub(super) async fn post(&self, url: &Url, body: String, cookies: Option<String>) -> Result<Answer, String> {
        let kind = ("content-type", "text/plain;charset=UTF-8".to_owned());
        let mut headers = vec![kind, ("origin", self.origin.clone())];
        headers.extend(cookies.map(|cookies| ("cookie", cookies)));
        send(&self.clock, Method::Post, url, headers, Some(body.into_bytes())).await
    }
}

async fn send(
    clock: &Arc<dyn Clock>,
    method: Method,
    url: &Url,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
) -> Result<Answer, String> {
    let egress = Egress::for_page(url, Bounds::default(), Arc::clone(clock)).map_err(|error| error.to_string())?;
    let headers = headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    let request = Request { method, url: Secret::new(url.as_str()), headers, body, label: "a page's request" };
    egress.send(&request).await.map_err(|failure| failure.to_string())
}
