//! Tokens: 256 bits from the system's generator, in a form that secret scanners recognise and typing errors break:
//! `scim_<43 letters and digits>_<checksum>`. Only the SHA-256 digest is kept (threats E01 to E03).

use anyhow::{Result, bail};
use scim_core::store::control::TokenDigest;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

const PREFIX: &str = "scim_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits of 256 bits, and of the 32 bits of the checksum, in base 62.
const SECRET: usize = 43;
const CHECKSUM: usize = 6;
/// The fewest characters of a token that an operator made.
pub const SHORTEST_GIVEN: usize = 32;
/// The most characters of any token.
pub const LONGEST: usize = 4_096;

/// A new token.
pub fn generate() -> SecretString {
    let mut bytes = crate::edge::random();
    let token = format(&bytes);
    bytes.zeroize();
    SecretString::from(token)
}

/// The SHA-256 of a token.
pub fn digest(token: &str) -> TokenDigest {
    TokenDigest(Sha256::digest(token.as_bytes()).into())
}

/// Can this be one of the tokens there are? False only for something in our form whose checksum is wrong: it is then
/// refused without asking the store.
pub fn plausible(token: &str) -> bool {
    match token.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('_')) {
        Some((secret, sum)) if secret.len() == SECRET && sum.len() == CHECKSUM => {
            checksum(&format!("{PREFIX}{secret}")) == sum
        }
        _ => true,
    }
}

/// Checks a token that an operator made: long enough, and fit to stand in a header (RFC 6750 section 2.1).
pub fn check_given(setting: &str, token: &str) -> Result<()> {
    if token.trim().is_empty() {
        bail!("{setting} is empty: give at least {SHORTEST_GIVEN} characters, or leave it out");
    }
    if token.len() < SHORTEST_GIVEN {
        bail!("{setting} has {} characters: a token needs at least {SHORTEST_GIVEN}", token.len());
    }
    if token.len() > LONGEST {
        bail!("{setting} has {} characters: a token may have at most {LONGEST}", token.len());
    }
    if !well_formed(token) {
        bail!("{setting} holds characters that cannot stand in a token: use letters, digits and - . _ ~ + / =");
    }
    Ok(())
}

/// `b64token` of RFC 6750 section 2.1.
pub fn well_formed(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty()
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}

fn format(bytes: &[u8; 32]) -> String {
    let secret = format!("{PREFIX}{}", base62(bytes, SECRET));
    let sum = checksum(&secret);
    format!("{secret}_{sum}")
}

fn checksum(text: &str) -> String {
    base62(&crc32(text.as_bytes()).to_be_bytes(), CHECKSUM)
}

/// A big-endian number in base 62, padded: every number has just one form, so no value is likelier than another.
fn base62(number: &[u8], digits: usize) -> String {
    let mut number = number.to_vec();
    let mut out = vec![b'0'; digits];
    for place in out.iter_mut().rev() {
        let mut rest = 0u32;
        for byte in &mut number {
            let value = (rest << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *place = ALPHABET.get(rest as usize).copied().unwrap_or(b'0');
    }
    number.zeroize();
    String::from_utf8(out).unwrap_or_default()
}

/// CRC-32 as in zip and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_checksum_is_the_common_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn tokens_are_long_different_and_recognised() {
        let one = generate();
        let two = generate();
        let text = one.expose_secret();
        assert_ne!(text, two.expose_secret());
        assert_eq!(text.len(), PREFIX.len() + SECRET + 1 + CHECKSUM);
        assert!(well_formed(text) && plausible(text), "{text}");
        assert!(check_given("x", text).is_ok());
    }

    #[test]
    fn every_bit_of_the_secret_is_in_the_token() {
        let zero = [0u8; 32];
        for bit in 0..256 {
            let mut bytes = zero;
            bytes[bit / 8] |= 1 << (bit % 8);
            assert_ne!(format(&bytes), format(&zero), "bit {bit}");
        }
        assert_ne!(format(&[255; 32]), format(&zero));
    }

    #[test]
    fn a_typing_error_is_noticed_without_the_store() {
        let token = generate();
        let text = token.expose_secret();
        let at = 10;
        let other = if text.as_bytes()[at] == b'x' { "y" } else { "x" };
        let mistyped = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        assert!(!plausible(&mistyped));
        assert!(plausible("an-operator-made-token-of-thirty-two-letters"));
    }

    #[test]
    fn given_tokens_are_checked() {
        let check = |token: &str, good: bool| assert_eq!(check_given("x", token).is_ok(), good, "{token:?}");
        check("", false);
        check("   ", false);
        check("short", false);
        check(&"x".repeat(31), false);
        check(&"x".repeat(32), true);
        check(&"x y".repeat(20), false);
        check(&"x".repeat(LONGEST + 1), false);
    }
}
