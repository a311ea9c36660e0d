//! Reads a body within limits of size and time, without a copy where it came in one piece.

use std::time::Instant;

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING, UPGRADE};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use scim_core::{ErrorKind, ScimError};

/// Bodies up to this size are received without a place of their own.
const SMALL: usize = 64 << 10;

/// Is the body announced to be larger than most are, or of unknown length?
pub fn may_be_large(headers: &HeaderMap) -> bool {
    announced(headers).is_none_or(|length| length > SMALL)
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The whole body: at most `most` bytes, at hand before `until`.
pub async fn read(headers: &HeaderMap, payload: Payload, most: usize, until: Instant) -> Result<Bytes, ScimError> {
    if announced(headers).is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    match tokio::time::timeout_at(until.into(), collect(payload, most, of_an_upgrade(headers))).await {
        Ok(body) => body,
        Err(_) => Err(ScimError::new(ErrorKind::Timeout, "the body did not arrive in time")),
    }
}

/// How long the body is where that is not told by its end: the library takes all that follows a head with
/// `Upgrade: websocket` for the other protocol's. This server speaks none, and may pass over the wish (RFC 9110 section
/// 7.8). The connection is closed behind the answer, as what follows the body is read by nobody.
fn of_an_upgrade(headers: &HeaderMap) -> Option<usize> {
    let wished = headers.get_all(UPGRADE).any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    (wished && !headers.contains_key(TRANSFER_ENCODING)).then(|| announced(headers).unwrap_or(0))
}

async fn collect(mut payload: Payload, most: usize, length: Option<usize>) -> Result<Bytes, ScimError> {
    let mut whole = Bytes::new();
    let mut more: Option<BytesMut> = None;
    let arrived = |whole: &Bytes, more: &Option<BytesMut>| more.as_ref().map_or(whole.len(), BytesMut::len);
    while length.is_none_or(|length| arrived(&whole, &more) < length) {
        let Some(piece) = payload.next().await else { break };
        let piece = piece.map_err(|_| ScimError::invalid_syntax("the body broke off"))?;
        if whole.is_empty() && more.is_none() {
            whole = piece;
        } else {
            more.get_or_insert_with(|| BytesMut::from(&*whole)).extend_from_slice(&piece);
        }
        if length.is_none() && arrived(&whole, &more) > most {
            return Err(too_large(most));
        }
    }
    let mut body = more.map_or(whole, BytesMut::freeze);
    match length {
        Some(length) if body.len() < length => return Err(ScimError::invalid_syntax("the body broke off")),
        Some(length) => body.truncate(length),
        None => {}
    }
    Ok(body)
}

fn too_large(most: usize) -> ScimError {
    ScimError::too_large(format!("the body is larger than {most} bytes"))
}
