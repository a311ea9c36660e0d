//! Reads a body within limits of size and time, without a copy where it came in one piece.

use std::time::{Duration, Instant};

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
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
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    match tokio::time::timeout(left, collect(payload, most)).await {
        Ok(body) => body,
        Err(_) => Err(ScimError::new(ErrorKind::Timeout, "the body did not arrive in time")),
    }
}

async fn collect(mut payload: Payload, most: usize) -> Result<Bytes, ScimError> {
    let mut whole = Bytes::new();
    let mut more: Option<BytesMut> = None;
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| ScimError::invalid_syntax("the body broke off"))?;
        if whole.is_empty() && more.is_none() {
            whole = piece;
        } else {
            more.get_or_insert_with(|| BytesMut::from(&*whole)).extend_from_slice(&piece);
        }
        if more.as_ref().map_or(whole.len(), BytesMut::len) > most {
            return Err(too_large(most));
        }
    }
    Ok(more.map_or(whole, BytesMut::freeze))
}

fn too_large(most: usize) -> ScimError {
    ScimError::too_large(format!("the body is larger than {most} bytes"))
}
