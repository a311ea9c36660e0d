//! The `Authorization` header (RFC 6750 section 2.1). Tokens are taken from nowhere else.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use super::token;

/// Why a request has no usable credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// None was sent.
    Missing,
    /// One was sent, and is wrong.
    Wrong(&'static str),
}

/// Detail of a token that no credential has, or whose credential has ended: one text, so that nobody learns which.
pub const UNKNOWN: &str = "the token is not valid: it is unknown, revoked or expired, or its tenant is disabled";

/// The token of the request.
pub fn token(headers: &HeaderMap) -> Result<&str, Refused> {
    let mut all = headers.get_all(AUTHORIZATION);
    let Some(value) = all.next() else { return Err(Refused::Missing) };
    if all.next().is_some() {
        return Err(Refused::Wrong("send one Authorization header, not several"));
    }
    let Ok(text) = value.to_str() else {
        return Err(Refused::Wrong("the Authorization header holds characters that are not ASCII"));
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Refused::Missing);
    }
    let Some((scheme, rest)) = text.split_once([' ', '\t']) else {
        return Err(Refused::Wrong(if text.eq_ignore_ascii_case("bearer") {
            "the token is missing: send Authorization: Bearer and the token"
        } else {
            "the Authorization header has no scheme: put the word Bearer and a space before the token"
        }));
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refused::Wrong("only the scheme Bearer is accepted: send Authorization: Bearer and the token"));
    }
    let given = rest.trim_start();
    if given.is_empty() || given.len() > token::LONGEST || !token::well_formed(given) {
        return Err(Refused::Wrong("what follows Bearer is no token"));
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn only_one_bearer_token_passes() {
        let check = |lines: &[&str], expected: Result<&str, &str>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
            }
            let got = match token(&headers) {
                Ok(token) => Ok(token),
                Err(Refused::Missing) => Err("missing"),
                Err(Refused::Wrong(why)) => Err(why),
            };
            match (expected, got) {
                (Ok(expected), Ok(got)) => assert_eq!(expected, got),
                (Err(part), Err(why)) => assert!(why.contains(part), "{lines:?}: {why}"),
                (expected, got) => panic!("{lines:?}: expected {expected:?}, got {got:?}"),
            }
        };
        check(&["Bearer abc"], Ok("abc"));
        check(&["bearer abc"], Ok("abc"));
        check(&["BEARER   abc"], Ok("abc"));
        check(&["Bearer a-b.c_d~e+f/g=="], Ok("a-b.c_d~e+f/g=="));
        check(&[], Err("missing"));
        check(&[""], Err("missing"));
        check(&["   "], Err("missing"));
        check(&["Bearer"], Err("token is missing"));
        check(&["Bearer "], Err("token is missing"));
        check(&["Bearer  a b"], Err("no token"));
        check(&["Bearer =="], Err("no token"));
        check(&["abc"], Err("no scheme"));
        check(&["Basic dXNlcjpwYXNz"], Err("only the scheme Bearer"));
        check(&["Bearer abc", "Bearer abc"], Err("one Authorization header"));
    }
}
