//! Answers and their headers. Every answer is a SCIM message, is kept by no cache but for public discovery, and says
//! what a browser must not do with it (threats B08, B11, C12).

use std::io::Write;

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;
use scim_core::service::{Prefer, Reply};
use scim_core::{Done, ErrorKind, ScimError};

use super::negotiate::{self, Media};
use super::{App, Asked};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const SCIM: HeaderValue = HeaderValue::from_static("application/scim+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Smaller bodies do not get smaller.
const WORTH_PACKING: usize = 1 << 10;

/// What a place answers.
#[derive(Debug)]
pub enum Answer {
    /// What the service said.
    Reply {
        /// It.
        reply: Reply,
        /// Who may keep it.
        caching: Caching,
        /// Which preference was honoured (RFC 7240 section 3).
        applied: Option<&'static str>,
    },
    /// 308 to the resource that `/Me` stands for.
    Redirect {
        /// Where it is.
        location: String,
    },
    /// The methods of this place, as 405 or, for OPTIONS, 204.
    Methods {
        /// They.
        allow: &'static str,
        /// Was another one used?
        refused: bool,
    },
    /// Text of this media type, for probes.
    Text(StatusCode, &'static str, String),
}

/// Who may keep an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// Nobody.
    Never,
    /// Anybody, for a short while: public discovery.
    Public,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Answer::Reply { reply, caching: Caching::Never, applied: None }
    }
}

impl Answer {
    /// The same, kept so.
    pub fn caching(self, caching: Caching) -> Self {
        match self {
            Answer::Reply { reply, applied, .. } => Answer::Reply { reply, caching, applied },
            other => other,
        }
    }

    /// The same, naming the preference that it honours: a body where one was wanted, none where none was.
    pub fn preferring(self, prefer: Prefer) -> Self {
        match self {
            Answer::Reply { reply, caching, .. } => {
                let applied = match prefer.representation {
                    Some(true) if !reply.body.is_empty() => Some("return=representation"),
                    Some(false) if reply.body.is_empty() => Some("return=minimal"),
                    _ => None,
                };
                Answer::Reply { reply, caching, applied }
            }
            other => other,
        }
    }
}

/// An answer as a response.
pub fn answer(answer: Answer, asked: &Asked<'_>) -> HttpResponse {
    match answer {
        Answer::Reply { reply, caching, applied } => self::reply(reply, caching, applied, asked),
        Answer::Redirect { location } => {
            let mut response = start(StatusCode::PERMANENT_REDIRECT, Caching::Never);
            set(&mut response, header::LOCATION, &location);
            response.finish()
        }
        Answer::Methods { allow, refused } => {
            if !refused {
                let mut response = start(StatusCode::NO_CONTENT, Caching::Never);
                return response.insert_header((header::ALLOW, allow)).finish();
            }
            let detail = format!("this endpoint does not define {}; it has {allow}", method(asked));
            let mut response = error(&ScimError::new(ErrorKind::MethodNotAllowed, detail), asked);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
            response
        }
        Answer::Text(status, media, text) => {
            let mut response = start(status, Caching::Never);
            response.insert_header((header::CONTENT_TYPE, media)).body(text)
        }
    }
}

/// A method that is none of HTTP's own is not repeated to whoever sent it.
fn method<'a>(asked: &'a Asked<'_>) -> &'a str {
    let name = asked.http.method().as_str();
    if name.len() <= 10 && name.bytes().all(|b| b.is_ascii_uppercase()) { name } else { "this method" }
}

fn reply(reply: Reply, caching: Caching, applied: Option<&'static str>, asked: &Asked<'_>) -> HttpResponse {
    let status = StatusCode::from_u16(reply.done.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = start(status, caching);
    if let Some(tag) = &reply.etag {
        set(&mut response, header::ETAG, tag);
    }
    if let Some(location) = &reply.location {
        set(&mut response, header::LOCATION, location);
    }
    if let Some(applied) = applied {
        response.insert_header((PREFERENCE_APPLIED, HeaderValue::from_static(applied)));
    }
    if reply.body.is_empty() || matches!(reply.done, Done::NoContent | Done::NotModified) {
        return response.finish();
    }
    let media = match negotiate::accepted(asked.http.headers()) {
        Ok(Media::Json) => JSON,
        _ => SCIM,
    };
    response.insert_header((header::CONTENT_TYPE, media));
    packed(&mut response, reply.body, asked)
}

/// An error as the Error message of RFC 7644 section 3.12, whatever was asked for.
pub fn error(error: &ScimError, asked: &Asked<'_>) -> HttpResponse {
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = start(status, Caching::Never);
    if let Some(wait) = error.retry_after {
        set(&mut response, header::RETRY_AFTER, &wait.as_millis().div_ceil(1_000).max(1).to_string());
    }
    match error.kind {
        ErrorKind::Unauthorized => {
            let challenge = if asked.http.headers().contains_key(header::AUTHORIZATION) {
                "Bearer realm=\"scim\", error=\"invalid_token\""
            } else {
                "Bearer realm=\"scim\""
            };
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        ErrorKind::Forbidden => {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"scim\", error=\"insufficient_scope\""));
        }
        // What was not read of the body would be taken for the next request.
        ErrorKind::Timeout | ErrorKind::TooLarge | ErrorKind::UriTooLong | ErrorKind::HeadersTooLarge => {
            response.force_close();
        }
        _ => {}
    }
    response.insert_header((header::CONTENT_TYPE, SCIM));
    response.body(error.to_value().to_string())
}

fn start(status: StatusCode, caching: Caching) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    let (cache, vary) = match caching {
        Caching::Never => ("no-store", "Authorization, Accept, Accept-Encoding"),
        Caching::Public => ("public, max-age=60", "Accept, Accept-Encoding"),
    };
    response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static(cache)));
    response.insert_header((header::VARY, HeaderValue::from_static(vary)));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    response
}

/// Sets a header of the server's own making, which holds no control characters; where it did, it is left out.
fn set(response: &mut HttpResponseBuilder, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.insert_header((name, value));
    }
}

/// The body, with gzip where the client asked for it and it helps.
fn packed(response: &mut HttpResponseBuilder, body: Bytes, asked: &Asked<'_>) -> HttpResponse {
    if body.len() < WORTH_PACKING || !negotiate::gzip(asked.http.headers()) {
        return response.body(body);
    }
    let mut gzip = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    match gzip.write_all(&body).and_then(|()| gzip.finish()) {
        Ok(small) => {
            response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
            response.body(small)
        }
        Err(_) => response.body(body),
    }
}

/// What every response carries, whoever made it.
pub fn finish(app: &App, asked: &Asked<'_>, response: &mut HttpResponse) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(asked.id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    if app.secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    if app.is_draining() {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    debug_assert!(!matches!(response.body().size(), BodySize::Stream), "bodies are whole");
}
