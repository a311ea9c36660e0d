//! Cursors (RFC 9865): stateless, authenticated, bound to their query, good for a while, in both directions.
//!
//! A cursor is `base64url(MAC ‖ token)`. The MAC covers the fingerprint of the query as well, so a cursor of another
//! query, caller or tenant cannot be told from a forged one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::clock::Timestamp;
use crate::error::{ErrorKind, ScimError};

use super::{Position, Window};

const MAC_BYTES: usize = 16;

/// Makes and reads cursors with one key, which all nodes share.
#[derive(Clone)]
pub struct Cursors {
    key: [u8; 32],
    /// Seconds for which a cursor is good.
    life: u64,
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors(…)")
    }
}

#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(rename = "p")]
    position: Position,
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    backwards: bool,
    #[serde(rename = "n")]
    count: u32,
    #[serde(rename = "t")]
    made: i64,
}

impl Cursors {
    /// With this key; cursors are good for `life` seconds.
    pub fn new(key: [u8; 32], life: u64) -> Self {
        Cursors { key, life }
    }

    /// A cursor to what follows (or, `backwards`, precedes) a position, in pages of `count`.
    pub fn make(&self, fingerprint: &str, position: &Position, backwards: bool, count: u32, now: Timestamp) -> String {
        let token = Token { position: position.clone(), backwards, count, made: now.millis() };
        let token = serde_json::to_vec(&token).unwrap_or_default();
        let mut bytes = self.mac(fingerprint, &token).to_vec();
        bytes.extend_from_slice(&token);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The window that a cursor means. `count` is that of the request, where it has one.
    pub fn read(
        &self,
        cursor: &str,
        fingerprint: &str,
        count: Option<u32>,
        now: Timestamp,
    ) -> Result<Window, ScimError> {
        let invalid = || {
            ScimError::invalid_cursor(
                "the cursor is not one of this query's; send the nextCursor or previousCursor of its last answer, \
                 with all other parameters unchanged",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (mac, token) = bytes.split_at_checked(MAC_BYTES).ok_or_else(invalid)?;
        let genuine: bool = subtle::ConstantTimeEq::ct_eq(mac, self.mac(fingerprint, token).as_slice()).into();
        if !genuine {
            return Err(invalid());
        }
        let token: Token = serde_json::from_slice(token).map_err(|_| invalid())?;
        let life = i64::try_from(self.life).unwrap_or(i64::MAX);
        if now > Timestamp::from_millis(token.made).plus_seconds(life) {
            return Err(ScimError::new(
                ErrorKind::ExpiredCursor,
                format!("the cursor is older than {} seconds; start the query again", self.life),
            ));
        }
        if count.is_some_and(|count| count != token.count) {
            return Err(ScimError::invalid_count(format!(
                "count differs from the first page's, which was {}; a walk keeps its count",
                token.count
            )));
        }
        let (position, count) = (token.position, token.count);
        Ok(if token.backwards { Window::Before { position, count } } else { Window::After { position, count } })
    }

    fn mac(&self, fingerprint: &str, token: &[u8]) -> [u8; MAC_BYTES] {
        let mut out = [0; MAC_BYTES];
        // HMAC takes keys of any length, so this cannot fail.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) {
            mac.update(&(fingerprint.len() as u64).to_be_bytes());
            mac.update(fingerprint.as_bytes());
            mac.update(token);
            let full = mac.finalize().into_bytes();
            for (to, from) in out.iter_mut().zip(full) {
                *to = from;
            }
        }
        out
    }
}
