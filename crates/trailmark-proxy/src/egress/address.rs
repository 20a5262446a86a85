//! Which addresses a vendor may have. A host name that points at this machine or its network, by attack or by
//! mistake, must not turn the proxy into a way in. So addresses are checked after resolution, and exactly the checked
//! addresses are used.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every machine: a page of the company's own, which an operator named.
    Anywhere,
    /// Only this machine: simulated vendors.
    Loopback,
    /// Only the public Internet.
    Public,
}

/// An address that must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is not allowed")]
pub struct Refused {
    /// The kind of address.
    pub address: &'static str,
}

/// Why a name gave no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The name has no address.
    #[error("the name has no address")]
    NoAddress,
    /// One of its addresses is not allowed, so none is used.
    #[error(transparent)]
    Refused(Refused),
}

impl Reach {
    /// Whether an address may be used.
    ///
    /// # Errors
    /// [`Refused`] if not.
    pub fn check(self, ip: IpAddr) -> Result<(), Refused> {
        let ip = ip.to_canonical();
        match self {
            Self::Anywhere => Ok(()),
            Self::Loopback if ip.is_loopback() => Ok(()),
            Self::Loopback => Err(Refused { address: "not a loopback address" }),
            Self::Public => match ip {
                IpAddr::V4(ip) => not_public_v4(ip),
                IpAddr::V6(ip) => not_public_v6(ip),
            }
            .map_or(Ok(()), |address| Err(Refused { address })),
        }
    }
}

/// The IP address in a URL's host, if it is not a name.
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// Whether an allow-listed host (with or without port) is on loopback.
pub fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    name == "localhost" || literal(name).is_some_and(|ip| ip.to_canonical().is_loopback())
}

/// The resolver's reason, if one caused a connection error.
pub fn refusal(error: &(dyn Error + 'static)) -> Option<Unresolved> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(unresolved) = error.downcast_ref::<Unresolved>() {
            return Some(*unresolved);
        }
        cause = error.source();
    }
    None
}

/// The system's resolver with a check of every address.
#[derive(Debug, Clone, Copy)]
pub struct Resolver {
    reach: Reach,
}

impl Resolver {
    /// A resolver that returns only allowed addresses.
    pub fn new(reach: Reach) -> Self {
        Self { reach }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_system| Unresolved::NoAddress)?;
            let addresses = judged(reach, found)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// All addresses or none: a name with one forbidden address belongs to no vendor.
fn judged(reach: Reach, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Unresolved> {
    let addresses: Vec<SocketAddr> = found.collect();
    for address in &addresses {
        reach.check(address.ip()).map_err(Unresolved::Refused)?;
    }
    if addresses.is_empty() { Err(Unresolved::NoAddress) } else { Ok(addresses) }
}

/// Why an IPv4 address is not public, by the blocks of the IANA special-purpose registry.
fn not_public_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        _ if ip.is_loopback() => Some("a loopback address"),
        // Azure's metadata address, the only cloud's that is in no special block (learn.microsoft.com, "What is IP
        // address 168.63.129.16?").
        _ if ip == Ipv4Addr::new(168, 63, 129, 16) => Some("a cloud's own address"),
        _ if ip.is_private() => Some("a private address"),
        _ if ip.is_link_local() => Some("a link-local address"),
        (100, 64..=127, _) => Some("a carrier's shared address"),
        (0, ..) | (192, 0, 0) | (192, 88, 99) | (198, 18..=19, _) | (240.., ..) => Some("a reserved address"),
        _ if ip.is_documentation() => Some("a documentation address"),
        _ if ip.is_multicast() => Some("a multicast address"),
        _ => None,
    }
}

/// Why an IPv6 address is not public. Only global unicast (`2000::/3`) is, without the blocks for protocol
/// assignments, Teredo, documentation and 6to4. A NAT64 address counts as the IPv4 address inside.
fn not_public_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    match (a, b) {
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => {
            let [g, h] = [g.to_be_bytes(), h.to_be_bytes()];
            not_public_v4(Ipv4Addr::new(g[0], g[1], h[0], h[1]))
        }
        _ if ip.is_loopback() => Some("a loopback address"),
        _ if ip.is_unique_local() => Some("a private address"),
        _ if ip.is_unicast_link_local() => Some("a link-local address"),
        _ if ip.is_multicast() => Some("a multicast address"),
        (0x2001, 0..=0x1ff) | (0x2002, _) => Some("a reserved address"),
        (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => Some("a documentation address"),
        (0x2000..=0x3fff, _) => None,
        _ => Some("a reserved address"),
    }
}
