//! Passwords: prepared for comparison (OpaqueString, RFC 8265 section 4.2), kept as argon2id hashes, never shown.
//!
//! Nothing here ends up in an error, a log or `Debug`: errors name the rule, not the value.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::error::ScimError;

/// KiB of memory, passes and lanes of one hash: what OWASP recommends for argon2id.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The password as it is hashed and compared: every space an ASCII one, NFC, case kept. Preparing twice changes
/// nothing. How long it may be is the caller's to check (`limits.password`).
///
/// # Errors
/// `invalidValue` for an empty password and for one with characters that no keyboard types: control, format and
/// unassigned ones (joiners are letters in some scripts and stay).
pub fn prepare(password: &str) -> Result<String, ScimError> {
    if password.is_empty() {
        return Err(ScimError::invalid_value("password is empty; send one, or leave the attribute out"));
    }
    let spaced = password.chars().map(|c| match c.general_category() {
        GeneralCategory::SpaceSeparator => ' ',
        _ => c,
    });
    let prepared: String = spaced.nfc().collect();
    if prepared.chars().any(is_refused) {
        return Err(ScimError::invalid_value(
            "password has a control, format or unassigned character; use letters, digits, symbols and spaces",
        ));
    }
    Ok(prepared)
}

fn is_refused(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned};
    const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];
    let category = c.general_category();
    let refused = [Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned];
    refused.contains(&category) && !JOINERS.contains(&c)
}

/// The argon2id hash of a password as a PHC string, under a salt nobody else has. Takes some 20 ms and 19 MiB: call it
/// on the pool for such work, never on an I/O thread.
///
/// # Errors
/// Those of [`prepare`], and `Internal` should hashing itself fail.
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<SecretString, ScimError> {
    let prepared = SecretString::from(prepare(password)?);
    let hashed = SaltString::encode_b64(salt).and_then(|salt| {
        let hash = hasher()?.hash_password(prepared.expose_secret().as_bytes(), &salt)?;
        Ok(hash.to_string())
    });
    hashed.map(SecretString::from).map_err(|error| {
        tracing::error!(%error, "hashing a password failed");
        ScimError::internal("the server failed; its log says more")
    })
}

/// Is this the password that was hashed? False for a hash that cannot be read. As costly as [`hash`].
pub fn verify(candidate: &str, hash: &SecretString) -> bool {
    let Ok(hash) = PasswordHash::new(hash.expose_secret()) else { return false };
    // A candidate that cannot be prepared is wrong, but takes as long to tell.
    let prepared = SecretString::from(prepare(candidate).unwrap_or_else(|_| candidate.to_owned()));
    Argon2::default().verify_password(prepared.expose_secret().as_bytes(), &hash).is_ok()
}

/// Takes as long as [`verify`] and is always false: for a user who does not exist or has no password, so that the time
/// of an answer does not tell.
pub fn verify_nobody(candidate: &str) -> bool {
    let prepared = SecretString::from(prepare(candidate).unwrap_or_else(|_| "none".into()));
    let _ = hash(prepared.expose_secret(), &[0; 16]);
    false
}

fn hasher() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY, PASSES, LANES, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    /// 7644-5-04, 7643-4.1.1-13.
    #[test]
    fn passwords_are_prepared_as_opaque_strings() {
        for (sent, prepared) in [
            ("Correct Horse", "Correct Horse"),
            ("a\u{a0}b\u{3000}c", "a b c"),
            ("zoe\u{308}", "zoë"),
            ("ＦＵＬＬ ﬁ", "ＦＵＬＬ ﬁ"), // no compatibility mapping: OpaqueString is NFC
            (" ", " "),
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            ("😀", "😀"),
        ] {
            assert_eq!(prepare(sent).unwrap(), prepared);
            assert_eq!(prepare(prepared).unwrap(), prepared);
        }
    }

    #[test]
    fn refusals_do_not_echo_the_password() {
        for bad in
            ["", "tell\u{0}", "tell\u{7}", "tell\n", "tell\u{202e}", "tell\u{2028}", "tell\u{e000}", "tell\u{378}"]
        {
            let error = prepare(bad).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidValue, "{bad:?}");
            assert!(!error.detail.contains("tell"), "{bad:?}");
            assert!(hash(bad, &[1; 16]).is_err(), "{bad:?}");
        }
    }

    /// 7643-4.1.1-12, 7643-9.2-01.
    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let kept = hash("zoë 1", &[7; 16]).unwrap();
        let text = kept.expose_secret();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert!(!format!("{kept:?}").contains("argon2"));
        for (candidate, right) in [("zoë 1", true), ("zoe\u{308}\u{a0}1", true), ("ZOË 1", false), ("", false)] {
            assert_eq!(verify(candidate, &kept), right, "{candidate:?}");
        }
        assert_ne!(hash("zoë 1", &[8; 16]).unwrap().expose_secret(), text);
        assert!(!verify("zoë 1", &SecretString::from("no hash")));
        assert!(!verify_nobody("zoë 1"));
    }
}
