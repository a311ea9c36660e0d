//! Media types, both ways (RFC 7644 section 3.8): JSON under two names, in UTF-8, not compressed on the way in.

use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use scim_core::{ErrorKind, ScimError};

/// The name under which JSON goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/scim+json`.
    Scim,
    /// `application/json`, for who asks for that only.
    Json,
}

/// Checks what a body says about itself. Saying nothing means JSON.
pub fn check_body(headers: &HeaderMap) -> Result<(), ScimError> {
    let refuse = |detail: &'static str| Err(ScimError::new(ErrorKind::UnsupportedMediaType, detail));
    if let Some(encoding) = headers.get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return refuse("compressed bodies are not accepted; send the body without Content-Encoding");
    }
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    if value.as_bytes() == b"application/scim+json" {
        return Ok(());
    }
    let text = value.to_str().unwrap_or("?");
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    if !["application/scim+json", "application/json", ""].iter().any(|known| media.eq_ignore_ascii_case(known)) {
        return refuse("the body must be of type application/scim+json or application/json");
    }
    for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        let value = value.trim().trim_matches(['"', '\'']);
        let utf8 = ["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known));
        if name.trim().eq_ignore_ascii_case("charset") && !utf8 {
            return refuse("the body must be in UTF-8");
        }
    }
    Ok(())
}

/// Under which name the answer goes out. 406 where none that we have is acceptable.
pub fn accepted(headers: &HeaderMap) -> Result<Media, ScimError> {
    let mut all = headers.get_all(ACCEPT);
    match (all.next(), all.next()) {
        (None, _) => return Ok(Media::Scim),
        // What most clients send.
        (Some(one), None) if one == "application/scim+json" => return Ok(Media::Scim),
        _ => {}
    }
    let lines = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let (mut scim, mut json, mut any): (Option<f32>, Option<f32>, Option<f32>) = (None, None, None);
    for one in lines.flat_map(|line| line.split(',')).map(str::trim) {
        let (media, parameters) = one.split_once(';').unwrap_or((one, ""));
        let weight = quality(parameters);
        let place = match media.trim() {
            media if media.eq_ignore_ascii_case("application/scim+json") => &mut scim,
            media if media.eq_ignore_ascii_case("application/json") => &mut json,
            // The single star is not in the standard, but sent by what came with old platforms.
            "*/*" | "*" => &mut any,
            media if media.eq_ignore_ascii_case("application/*") => &mut any,
            "" => continue,
            _ => {
                // Something else was asked for, so silence no longer means yes.
                any = any.or(Some(0.0));
                continue;
            }
        };
        *place = Some(place.unwrap_or(0.0).max(weight));
    }
    let good = |weight: Option<f32>| weight.is_some_and(|weight| weight > 0.0);
    match (scim, json, any) {
        (None, None, None) => Ok(Media::Scim),
        _ if good(scim) && scim >= json => Ok(Media::Scim),
        _ if good(json) => Ok(Media::Json),
        _ if good(any) && scim != Some(0.0) => Ok(Media::Scim),
        _ if good(any) && json != Some(0.0) => Ok(Media::Json),
        _ => {
            let detail = "the answer is application/scim+json (or application/json), which Accept does not allow";
            Err(ScimError::new(ErrorKind::NotAcceptable, detail))
        }
    }
}

/// May the answer be compressed with gzip?
pub fn gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    let weights = lines.flat_map(|line| line.split(',')).map(|one| one.split_once(';').unwrap_or((one, "")));
    let (mut gzip, mut any) = (None, None);
    for (coding, parameters) in weights {
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") => {
                gzip = Some(quality(parameters));
            }
            "*" => any = Some(quality(parameters)),
            _ => {}
        }
    }
    gzip.or(any).is_some_and(|weight| weight > 0.0)
}

fn quality(parameters: &str) -> f32 {
    let pairs = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut weights = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weights.next().map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    /// 7644-3.8-02 to 7644-3.8-05.
    #[test]
    fn the_answer_has_the_name_that_was_asked_for() {
        let check = |lines: &[&str], expected: Option<Media>| {
            assert_eq!(accepted(&headers(ACCEPT, lines)).ok(), expected, "{lines:?}");
        };
        check(&[], Some(Media::Scim));
        check(&[""], Some(Media::Scim));
        check(&["*/*"], Some(Media::Scim));
        check(&["*"], Some(Media::Scim));
        check(&["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"], Some(Media::Scim));
        check(&["application/*"], Some(Media::Scim));
        check(&["application/scim+json"], Some(Media::Scim));
        check(&["application/scim+json;charset=utf-8"], Some(Media::Scim));
        check(&["application/json"], Some(Media::Json));
        check(&["application/json, text/plain, */*"], Some(Media::Json));
        check(&["application/json", "application/scim+json"], Some(Media::Scim));
        check(&["application/scim+json;q=0.5, application/json"], Some(Media::Json));
        check(&["text/html, */*;q=0.1"], Some(Media::Scim));
        check(&["text/xml"], None);
        check(&["*/*;q=0"], None);
        check(&["application/scim+json;q=0"], None);
        check(&["application/scim+json;q=0, */*"], Some(Media::Json));
    }

    /// 7644-3.8-01, 7644-8.1-01, R23.
    #[test]
    fn bodies_are_json_in_utf_8() {
        let check = |line: &str, good: bool| {
            assert_eq!(check_body(&headers(CONTENT_TYPE, &[line])).is_ok(), good, "{line}");
        };
        check("application/scim+json", true);
        check("Application/SCIM+JSON; Charset=\"UTF-8\"", true);
        check("application/json;charset=utf8", true);
        check("application/json; odata=x", true);
        check("application/json; charset=iso-8859-1", false);
        check("application/x-www-form-urlencoded", false);
        check("multipart/form-data; boundary=x", false);
        check("application/json-patch+json", false);
        check("text/plain", false);
        assert!(check_body(&HeaderMap::new()).is_ok());
        assert!(check_body(&headers(CONTENT_ENCODING, &["gzip"])).is_err());
        assert!(check_body(&headers(CONTENT_ENCODING, &["identity"])).is_ok());
    }

    #[test]
    fn gzip_is_used_where_asked() {
        let check =
            |line: &str, expected: bool| assert_eq!(gzip(&headers(ACCEPT_ENCODING, &[line])), expected, "{line}");
        check("gzip", true);
        check("gzip, deflate, br", true);
        check("deflate, GZIP;q=0.5", true);
        check("gzip;q=0", false);
        check("identity", false);
        check("*", true);
        check("*, gzip;q=0", false);
        assert!(!gzip(&HeaderMap::new()));
    }
}
