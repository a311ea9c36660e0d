//! How many requests with a wrong credential an address may send in a minute. Right credentials are never refused for
//! the wrong ones that a neighbour behind the same address sends.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered; beyond it those whose minute is over are forgotten, then all (threat D11).
const ADDRESSES: usize = 65_536;

/// Counts wrong credentials.
#[derive(Debug)]
pub struct Failures {
    most: u32,
    seen: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Failures {
    /// Allows so many a minute from each address.
    pub fn new(most: u32) -> Self {
        Failures { most, seen: Mutex::new(HashMap::new()) }
    }

    /// Counts one from this address. Err: it is over the limit, and when it may come back.
    pub fn count(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = network(address);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= ADDRESSES && !seen.contains_key(&address) {
            seen.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
            if seen.len() >= ADDRESSES {
                seen.clear();
            }
        }
        let (since, count) = seen.entry(address).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        if *count <= self.most { Ok(()) } else { Err(WINDOW.saturating_sub(now.duration_since(*since))) }
    }
}

/// One host commands a whole IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_an_addresss_own_and_lasts_a_minute() {
        let failures = Failures::new(2);
        let start = Instant::now();
        let check = |address: &str, after: u64, good: bool| {
            let answer = failures.count(address.parse().unwrap(), start + Duration::from_secs(after));
            assert_eq!(answer.is_ok(), good, "{address} after {after} s");
        };
        check("192.0.2.1", 0, true);
        check("192.0.2.1", 1, true);
        check("192.0.2.1", 2, false);
        check("::ffff:192.0.2.1", 2, false);
        check("192.0.2.2", 2, true);
        check("192.0.2.1", 60, true);
        check("2001:db8::1", 0, true);
        check("2001:db8::2", 0, true);
        check("2001:db8::3", 0, false);
        check("2001:db8:0:1::3", 0, true);
    }
}
