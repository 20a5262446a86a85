//! The client's address behind trusted proxies. The forwarding header is read from the right, and only as far as
//! trusted peers wrote it, so a forged header has no effect. Addresses serve rates and budgets; they are neither
//! stored nor logged.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{Extensions, HeaderMap};

use crate::config::{Server, prefix};
use crate::keys::crypto::sha256;
use crate::store::NetworkHash;

/// The peer of the connection; [`crate::serve`] puts it into each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The unit for rates: one IPv4 address, or the /64 of one IPv6 subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientNetwork(IpAddr);

/// The network that shares a budget. Somebody with one IPv4 address often has its whole /24, and somebody with one
/// IPv6 /64 can easily get the other 65,535 of its /48. An office or a mobile carrier has several of these networks.
const SHARE_BITS: (u32, u32) = (24, 48);

impl ClientNetwork {
    /// The network as a name that needs the key: 8 bytes of SHA-256 over key and prefix.
    pub(crate) fn share(self, key: &[u8; 32]) -> NetworkHash {
        let Self(address) = self;
        let prefix = match prefix(address, if address.is_ipv4() { SHARE_BITS.0 } else { SHARE_BITS.1 }) {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let hash = sha256(&[&key[..], &prefix].concat());
        let mut name = [0; 8];
        name.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        NetworkHash(name)
    }
}

/// How the client's address became known. `trailmark doctor` reads the word and judges it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is the peer's own, and no header names another.
    Direct,
    /// A trusted proxy named it.
    Forwarded,
    /// The peer is a trusted proxy, and names none.
    Missing,
    /// A header names one, and its peer is not trusted.
    Untrusted,
}

impl Told {
    /// Every way.
    pub(crate) const ALL: [Self; 4] = [Self::Direct, Self::Forwarded, Self::Missing, Self::Untrusted];

    /// The word in the answer to a test.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Forwarded => "forwarded",
            Self::Missing => "missing",
            Self::Untrusted => "untrusted",
        }
    }
}

/// The network of the client that sent a request, and how its address became known.
pub(crate) fn client(server: &Server, extensions: &Extensions, headers: &HeaderMap) -> (ClientNetwork, Told) {
    let peer = extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| address.ip());
    let forwarded: Vec<&str> = headers
        .get_all(&server.client_ip_header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let is_named = forwarded.last().is_some_and(|nearest| address(nearest).is_some());
    let told = match (is_trusted(server, peer), is_named) {
        (true, true) => Told::Forwarded,
        (true, false) => Told::Missing,
        (false, true) => Told::Untrusted,
        (false, false) => Told::Direct,
    };
    (network(behind(peer, &forwarded, |address| is_trusted(server, address))), told)
}

/// Whether `address` is one of the operator's own proxies, whose headers are believed.
pub(crate) fn is_trusted(server: &Server, address: IpAddr) -> bool {
    server.trusted_proxies.iter().any(|network| network.contains(address))
}

/// The first address from the right that is not a trusted proxy's. An unreadable entry ends the search, because no
/// trusted proxy wrote it.
fn behind(peer: IpAddr, forwarded: &[&str], is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer.to_canonical();
    let mut rest = forwarded.iter().rev();
    while is_trusted(client) {
        let Some(next) = rest.next().and_then(|entry| address(entry)) else { break };
        client = next.to_canonical();
    }
    client
}

/// An address with or without a port, IPv6 with or without brackets.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    let bracketed = || entry.trim_matches(['[', ']']).parse();
    entry.parse().or_else(|_bare| with_port()).or_else(|_port| bracketed()).ok()
}

/// The network that an address belongs to.
pub(crate) fn network(address: IpAddr) -> ClientNetwork {
    let bits = if address.is_ipv4() { 32 } else { 64 };
    ClientNetwork(prefix(address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Network;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], client: &str) {
        let trusted = [Network::parse("10.0.0.0/8").unwrap(), Network::parse("fd00::/8").unwrap()];
        let found = behind(peer.parse().unwrap(), forwarded, |ip| trusted.iter().any(|network| network.contains(ip)));
        assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
    }

    #[test]
    fn a_header_from_a_stranger_changes_nothing() {
        check("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        check("203.0.113.9", &["10.0.0.1", "198.51.100.1"], "203.0.113.9");
    }

    #[test]
    fn behind_trusted_proxies_the_rightmost_stranger_is_the_client() {
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["1.1.1.1", "198.51.100.1", " 10.0.0.2"], "198.51.100.1");
        check("::ffff:10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1");
        check("fd00::1", &["[2001:db8::5]:80"], "2001:db8::5");
        check("fd00::1", &["[2001:db8::5]"], "2001:db8::5");
    }

    #[test]
    fn what_cannot_be_read_ends_the_walk() {
        check("10.0.0.1", &["198.51.100.1", "unknown"], "10.0.0.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["10.0.0.3"], "10.0.0.3");
    }

    // field-faults row 73
    #[test]
    fn a_share_is_a_24_or_a_48_under_a_name_that_leads_to_no_address() {
        let share = |text: &str, key: u8| network(text.parse().unwrap()).share(&[key; 32]);
        assert_eq!(share("198.51.100.1", 1), share("198.51.100.254", 1));
        assert_ne!(share("198.51.100.1", 1), share("198.51.101.1", 1));
        assert_eq!(share("2001:db8:1::1", 1), share("2001:db8:1:ffff::1", 1));
        assert_ne!(share("2001:db8:1::1", 1), share("2001:db8:2::1", 1));
        assert_ne!(share("198.51.100.1", 1), share("198.51.100.1", 2), "another process, another name");
    }

    #[test]
    fn a_subscriber_is_one_address_or_one_64() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("198.51.100.1"), network("198.51.100.2"));
    }
}
