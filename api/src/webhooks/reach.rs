//! Where deliveries may go.
//!
//! **Invariant:** what counts is the address that a name leads to at the moment of connecting, which is the one
//! that is connected to: a name that leads somewhere else a moment later leads nowhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Uri;

/// Where deliveries may go. Whoever may add webhooks could otherwise have this process post into networks that
/// only it can reach.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reach {
    /// To public addresses, by https.
    #[default]
    Public,
    /// There, and to this machine itself, by http too.
    Loopback,
    /// Everywhere, by http too.
    Any,
}

/// Where to connect for an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    /// With TLS.
    pub(super) is_https: bool,
    /// Name or address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// What to ask for there.
    pub(super) path: String,
    /// For the header `host`.
    pub(super) authority: String,
}

impl Target {
    /// Reads an address; what is wrong with it, if it is none that anything may be sent to.
    pub(super) fn read(url: &str, reach: Reach) -> Result<Self, &'static str> {
        // The parser forgets what follows.
        let uri = url.parse::<Uri>().ok().filter(|_| !url.contains('#') && url.len() <= LONGEST);
        let (Some(uri), true) = (uri, url.is_ascii()) else { return Err(FORM) };
        let is_https = match (uri.scheme_str(), reach) {
            (Some("https"), _) => true,
            (Some("http"), Reach::Loopback | Reach::Any) => false,
            (Some("http"), Reach::Public) => return Err("an https address"),
            _ => return Err(FORM),
        };
        let authority = uri.authority().ok_or(FORM)?;
        if authority.as_str().contains('@') {
            return Err("an address without user and password");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        // What is left of the host is a port, or nothing; the parser takes one that is none for none.
        let rest = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port = match rest.strip_prefix(':') {
            None => Some(default_port(is_https)),
            Some(port) => port.parse::<u16>().ok().filter(|port| *port > 0),
        };
        let (false, Some(port)) = (host.is_empty(), port) else { return Err(FORM) };
        // A name is looked at when it is known where it leads.
        let refused = |address: IpAddr| !reach.allows(address, is_https);
        if host.parse::<IpAddr>().is_ok_and(refused) {
            return Err("an address that may be reached from here");
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { is_https, host, port, path, authority: authority.to_string() })
    }
}

impl Reach {
    /// Whether anything may be sent to an address.
    pub(super) fn allows(self, address: IpAddr, is_https: bool) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Any => true,
            Self::Loopback if address.is_loopback() => true,
            Self::Public | Self::Loopback => is_https && is_public(address),
        }
    }
}

fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// None of those that IANA lists as special.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 224;
    !is_special
}

/// What is given out for use everywhere, without what carries another address inside.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global = a & 0xe000 == 0x2000;
    let is_special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || a == 0x3fff;
    is_global && !is_special
}

const FORM: &str = "an address such as https://example.org/hook, of at most 2,048 bytes";
const LONGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(reach: Reach, address: &str) -> [bool; 2] {
        let address = address.parse().unwrap();
        [reach.allows(address, true), reach.allows(address, false)]
    }

    /// By default nothing reaches this machine, its neighbours or the address where clouds keep their secrets, in
    /// whatever notation.
    #[test]
    fn private_networks_are_out_of_reach() {
        for address in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:a00:1::1",
        ] {
            assert_eq!(allowed(Reach::Public, address), [false, false], "{address}");
            assert_eq!(allowed(Reach::Any, address), [true, true], "{address}");
        }
        for address in ["1.1.1.1", "192.0.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert_eq!(allowed(Reach::Public, address), [true, false], "{address}");
            assert_eq!(allowed(Reach::Loopback, address), [true, false], "{address}");
        }
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(allowed(Reach::Loopback, address), [true, true], "{address}");
        }
        assert_eq!(allowed(Reach::Loopback, "10.0.0.1"), [false, false]);
    }

    /// An address is read to the last byte, or refused.
    #[test]
    fn addresses_are_read_or_refused() {
        let read = |url| Target::read(url, Reach::Public);
        let target = read("https://example.org/hook?to=1").unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.is_https),
            ("example.org", 443, true)
        );
        assert_eq!(
            (target.path.as_str(), target.authority.as_str()),
            ("/hook?to=1", "example.org")
        );
        let target = Target::read("http://[::1]:8080", Reach::Loopback).unwrap();
        assert_eq!((target.host.as_str(), target.port, target.path.as_str()), ("::1", 8080, "/"));
        let long = format!("https://example.org/{}", "x".repeat(2048));
        for wrong in [
            "",
            "/hook",
            "example.org",
            "ftp://example.org/",
            "http://example.org/",
            "https://",
            "https://:443/",
            "https://example.org:0/",
            "https://example.org:65536/",
            "https://user:password@example.org/",
            "https://example.org/#part",
            "https://exämple.org/",
            "https://example.org/ x",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest",
            long.as_str(),
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
