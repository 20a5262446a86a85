//! One HTTP exchange, as data: the request that an adapter builds, and the answer that it reads. The proxy's egress sends
//! it. `Debug` of either type shows no credential, URL or body.

use std::fmt;

use trailmark_wire::time::UnixMillis;

use crate::secret::Secret;

/// The HTTP methods that adapters use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// DELETE
    Delete,
    /// GET, which only reads: a send that has sent nothing else is certainly without effect.
    Get,
    /// PATCH
    Patch,
    /// POST
    Post,
    /// PUT
    Put,
}

impl Method {
    /// The method as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// A request to a vendor. Egress adds `User-Agent`.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The absolute URL; some vendors' URLs contain personal data or credentials.
    pub url: Secret,
    /// Header names in lower case, and their values.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body; absent in GET.
    pub body: Option<Vec<u8>>,
    /// The name of this request, for people: `POST conversion/xid`. Contains nothing from the conversion.
    pub label: &'static str,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("label", &self.label).finish_non_exhaustive()
    }
}

/// A complete answer of a vendor; egress limits the size of the body.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it had arrived, by the proxy's clock; relative hints count from this time.
    pub at: UnixMillis,
}

impl Answer {
    /// The value of a header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = format_args!("{} bytes", self.body.len());
        f.debug_struct("Answer").field("status", &self.status).field("body", &body).finish_non_exhaustive()
    }
}

/// Reads an answer.
pub type Read<T> = Box<dyn Fn(&Answer) -> T + Send + Sync>;

/// A request, and the function that reads its answer.
pub struct Call<T> {
    /// What to send.
    pub request: Request,
    /// What the answer says. Pure: the same answer always reads the same.
    pub read: Read<T>,
}

impl<T> Call<T> {
    /// A request whose answer `read` reads.
    pub fn new(request: Request, read: impl Fn(&Answer) -> T + Send + Sync + 'static) -> Self {
        Self { request, read: Box::new(read) }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("request", &self.request).finish_non_exhaustive()
    }
}

/// What an answer leads to, where a question may take several requests.
#[derive(Debug)]
pub enum Step<T> {
    /// The answer settles it.
    Done(T),
    /// This request is next, such as the next page of a list.
    Next(Call<Self>),
}
