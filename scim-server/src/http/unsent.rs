//! Large answers go out piece by piece, and count as long as their client has not read them: clients that ask for much and read slowly
//! fill the share of their own tenant, not the memory of the server.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use scim_core::ErrorKind;

use crate::limits::{Held, later};

use super::{Asked, Trace, respond};

/// Smaller answers do not count: the limit of connections bounds them.
const LARGE: u64 = 128 << 10;
/// What is given to the connection at a time. It copies what it is given.
const PIECE: usize = 128 << 10;
/// When to ask again for what there was no room for.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The same response, counted while it is under way where it is large. Where the tenant has too much under way already, whoever only
/// looks is told to come again; what has been written is answered in any case.
pub fn counted(response: HttpResponse, trace: &Trace, asked: &Asked<'_>) -> HttpResponse {
    let BodySize::Sized(size) = response.body().size() else { return response };
    let (Some(tenant), LARGE..) = (&trace.tenant, size) else { return response };
    let looks = asked.is_get() || asked.http.path().ends_with("/.search");
    let Some(held) = tenant.share.hold(usize::try_from(size).unwrap_or(usize::MAX), !looks) else {
        let detail = "clients of this tenant have not read the large answers to earlier requests (limits.unsent); read them, or ask for \
                      less with count, attributes or excludedAttributes";
        return respond::error(&later(ErrorKind::Unavailable, detail, AGAIN), asked);
    };
    response.map_body(|_, body| match body.try_into_bytes() {
        Ok(rest) => Pieces { rest, _held: held }.boxed(),
        Err(body) => body,
    })
}

struct Pieces {
    rest: Bytes,
    _held: Held,
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let next = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(next);
        Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
    }

    fn boxed(self) -> BoxBody {
        BoxBody::new(self)
    }
}
