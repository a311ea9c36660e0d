//! Who is really asking, when a proxy stands in front: `X-Forwarded-For` is believed only from proxies that are listed,
//! and then only its last hop that is not one of them (threat E11).

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use actix_web::http::header::HeaderMap;

/// An address with a prefix length: `10.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address or network, such as 10.0.0.1 or 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(wrong());
        }
        Ok(Network { address, bits })
    }
}

impl Network {
    /// Does the address lie in it? An IPv4 address written as IPv6 is the same address.
    pub fn holds(&self, address: IpAddr) -> bool {
        let shift = |most: u32| most.saturating_sub(u32::from(self.bits));
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u32::from(own) ^ u32::from(other)).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (u128::from(own) ^ u128::from(other)).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The address a request comes from.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_proxy = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
    if trusted.is_empty() || !is_proxy(peer) {
        return peer;
    }
    let mut nearest = peer;
    let lines = headers.get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        match address(hop.trim()) {
            Some(address) => nearest = address,
            None => break,
        }
        if !is_proxy(nearest) {
            break;
        }
    }
    nearest
}

/// An address, perhaps with a port or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip().to_canonical());
    }
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_last_hop_that_is_no_proxy_counts() {
        let check = |peer: &str, lines: &[&str], expected: &str| {
            let trusted = ["10.0.0.0/8", "fd00::/8", "::1"].map(|text| text.parse().unwrap());
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(client(peer.parse().unwrap(), &headers, &trusted).to_string(), expected, "{peer} {lines:?}");
        };
        check("192.0.2.1", &["1.2.3.4"], "192.0.2.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["1.2.3.4"], "1.2.3.4");
        check("10.0.0.1", &["9.9.9.9, 1.2.3.4, 10.7.7.7"], "1.2.3.4");
        check("10.0.0.1", &["9.9.9.9", "1.2.3.4:5555"], "1.2.3.4");
        check("10.0.0.1", &["1.2.3.4, nonsense"], "10.0.0.1");
        check("::1", &["[2001:db8::1]:443"], "2001:db8::1");
        check("::ffff:10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4");
    }

    #[test]
    fn networks_are_checked() {
        let check = |text: &str, good: bool| assert_eq!(text.parse::<Network>().is_ok(), good, "{text}");
        check("10.0.0.0/8", true);
        check("0.0.0.0/0", true);
        check("10.0.0.0/33", false);
        check("proxy", false);
        assert!("0.0.0.0/0".parse::<Network>().unwrap().holds("8.8.8.8".parse().unwrap()));
        assert!(!"10.0.0.0/8".parse::<Network>().unwrap().holds("11.0.0.0".parse().unwrap()));
    }
}
