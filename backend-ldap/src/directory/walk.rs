//! All that a search finds, page by page (RFC 2696). Each walk has a connection of its own: cookies are good on the
//! connection they came from, and two walks on one connection break each other.

use bytes::Bytes;

use crate::ldap::{Entry, LdapError, Search, controls};

use super::lease::Lease;
use super::{Call, Directory};

/// A walk over all that a search finds. Dropped on the way, its connection is closed, and the server stops working.
#[derive(Debug)]
pub struct Walk {
    directory: Directory,
    call: Call,
    search: Search,
    page: u32,
    at: At,
}

#[derive(Debug)]
enum At {
    Start,
    Page(Box<Lease>, Bytes),
    End,
}

impl Walk {
    pub(crate) fn new(directory: Directory, call: Call, search: Search, page: u32) -> Self {
        Walk { directory, call, search, page, at: At::Start }
    }

    /// The entries of the next page, which may be none; None after the last.
    ///
    /// # Errors
    /// As [`LdapError`] says. A walk that broke does not go on: its cookie is lost with its connection.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, LdapError> {
        let (lease, cookie) = match std::mem::replace(&mut self.at, At::End) {
            At::Start => (Box::new(self.directory.lease(&self.call).await?), Bytes::new()),
            At::Page(lease, cookie) => (lease, cookie),
            At::End => return Ok(None),
        };
        let search = self.search.clone().with(controls::paged(self.page, &cookie));
        let found = lease.search(&search).await?;
        match controls::next_page(&found.result.controls)? {
            Some(cookie) if !cookie.is_empty() => self.at = At::Page(lease, cookie),
            // The last page, or a server that sent everything at once.
            _ => lease.give_back(),
        }
        Ok(Some(found.entries))
    }
}
