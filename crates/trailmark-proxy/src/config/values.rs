//! Readers of single values: addresses, origins, durations, networks. Pure. Each error says what to write instead and
//! never repeats the value.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use url::{Host, Url};

use crate::egress::address::{Reach, is_loopback_name, literal};

/// Scheme, host and port of an http(s) address, spelled as browsers send it in `Origin`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    text: String,
    host: String,
    is_secure: bool,
    is_loopback: bool,
}

impl Origin {
    /// Reads `https://host[:port]`, with or without a final slash.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let cure = "must have only scheme, host and port: write it like https://www.example.com";
        let url = Url::parse(text).map_err(|_unreadable| cure)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() || !matches!(url.scheme(), "http" | "https")
        {
            return Err(cure);
        }
        let (Some(host), true) = (url.host(), !text.contains('*')) else { return Err(cure) };
        Ok(Self {
            text: url.origin().ascii_serialization(),
            host: host.to_string(),
            is_secure: url.scheme() == "https",
            is_loopback: is_loopback(&host),
        })
    }

    /// Plain http on this machine, a placeholder in a configuration that is refused anyway.
    pub(super) fn loopback() -> Self {
        let (text, host) = ("http://127.0.0.1:8787".to_owned(), "127.0.0.1".to_owned());
        Self { text, host, is_secure: false, is_loopback: true }
    }

    /// `scheme://host[:port]`, without the scheme's default port.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is https.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether its host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The root of a vendor's API: https, or plain http to this machine; never an address that egress refuses.
///
/// # Errors
/// What is wrong, and what to write.
pub(super) fn vendor_root(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_unreadable| "is not an address: write it like https://api.example.com")?;
    let host = url.host_str().ok_or("names no host: write it like https://api.example.com")?;
    let is_loopback = is_loopback_name(host);
    if !is_loopback && literal(host).is_some_and(|ip| Reach::Public.check(ip).is_err()) {
        return Err(
            "is an address that is neither public nor on this machine, so it is never used: name the vendor's host",
        );
    }
    match url.scheme() {
        "https" => Ok(text.trim_end_matches('/').to_owned()),
        "http" if is_loopback => Ok(text.trim_end_matches('/').to_owned()),
        "http" => Err("is plain http to another machine, which would reveal the credentials: write https://"),
        _ => Err("is neither https nor http: write it like https://api.example.com"),
    }
}

/// One address, or a network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let cure = "is neither an address nor a network: write it like 10.0.0.0/8 or 10.1.2.3";
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_unreadable| cure)?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(widest), |bits| bits.trim().parse().map_err(|_unreadable| cure))?;
        match bits {
            0 => Err("trusts every address, so anybody could forge a client address: name your load balancers"),
            bits if bits > widest => Err(cure),
            bits => Ok(Self { address: prefix(address, bits), bits }),
        }
    }

    /// Whether it contains `address`; an IPv4 address inside IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && prefix(address, self.bits) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The first `bits` bits of an address, the rest zero.
pub(crate) fn prefix(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

/// A ledger's address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// A SQLite file, its path relative to the working directory.
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// Reads `sqlite:PATH`.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Err("names Postgres, but this version supports only SQLite: write sqlite:trailmark.db");
        }
        let path =
            text.strip_prefix("sqlite:").ok_or("is not the address of a ledger: write it like sqlite:trailmark.db")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains(":memory:") || path.contains('?') {
            return Err("names no file, but the ledger must be on disk: write it like sqlite:trailmark.db");
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

/// The path of the public routes: `/` and plain segments.
///
/// # Errors
/// What to write.
pub(super) fn mount(text: &str) -> Result<String, &'static str> {
    let plain = |segment: &str| {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        !matches!(segment, "" | "." | "..") && segment.bytes().all(unreserved)
    };
    let segments = text.strip_prefix('/').filter(|rest| rest.split('/').all(plain));
    segments.map(|_| text.to_owned()).ok_or("must be a path of plain segments without a final slash: write it like /tm")
}

/// Milliseconds of `500ms`, `4s`, `15m`, `2h` or `7d`; at most 30 days.
///
/// # Errors
/// What to write.
pub(crate) fn duration_ms(text: &str) -> Result<i64, &'static str> {
    let cure = "is not a duration of at most 30 days: write a number with ms, s, m, h or d, such as 15m";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or(cure)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        _ => return Err(cure),
    };
    let ms = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit_ms)).ok_or(cure)?;
    if ms <= 30 * DAY_MS { Ok(ms) } else { Err(cure) }
}

/// A duration as written in the file, in the largest unit that is exact.
pub(crate) fn duration_text(ms: i64) -> String {
    let units = [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let exact = units.into_iter().find(|(unit, _)| ms > 0 && ms % unit == 0);
    exact.map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_alike() {
        for (text, ms) in [("15m", 900_000), ("4s", 4_000), ("500ms", 500), ("2h", 7_200_000), ("1d", DAY_MS)] {
            assert_eq!(duration_ms(text), Ok(ms));
            assert_eq!(duration_text(ms), text);
        }
        for text in ["", "15", "m", "-4s", "4 s", "31d", "99999999999999999999s", "1.5h", "15M"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_has_one_spelling() {
        for (text, origin) in [
            ("https://WWW.Example.com/", "https://www.example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().as_str(), origin);
        }
        for text in ["null", "*", "https://*.example.com", "example.com", "https://a.b/c", "https://u@a.b", "ftp://a.b"]
        {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_contains_its_addresses_and_their_mapped_forms() {
        let network = Network::parse("10.1.0.0/16").unwrap();
        for (address, inside) in [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("::1", false)] {
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(Network::parse("2001:db8::/32").unwrap().contains("2001:db8:1::9".parse().unwrap()));
        for text in ["0.0.0.0/0", "::/0", "10.0.0.0/33", "host", ""] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
