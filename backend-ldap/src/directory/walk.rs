//! All that a search finds, page by page (RFC 2696). Each walk has a connection of its own: cookies are good on the
//! connection they came from, and two walks on one connection break each other.

use bytes::Bytes;

use crate::ldap::{Code, Entry, LdapError, Search, controls};

use super::lease::Lease;
use super::{Call, Directory, Found, again};

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
        let (lease, found) = match std::mem::replace(&mut self.at, At::End) {
            At::Start => self.begin().await?,
            At::Page(lease, cookie) => {
                let found = lease.search(&self.page_behind(&cookie)).await?;
                (lease, found)
            }
            At::End => return Ok(None),
        };
        match controls::next_page(&found.result.controls)? {
            Some(cookie) if !cookie.is_empty() => self.at = At::Page(lease, cookie),
            // The last page, or a server that sent everything at once.
            _ => lease.give_back(),
        }
        Ok(Some(found.entries))
    }

    /// The first page. Nothing is lost yet where its connection breaks: it is asked for again, of every server once.
    async fn begin(&mut self) -> Result<(Box<Lease>, Found), LdapError> {
        let mut tries = self.directory.options().servers.len();
        loop {
            self.page = self.page.min(self.directory.page());
            let lease = Box::new(self.directory.lease(&self.call).await?);
            match lease.search(&self.page_behind(&[])).await {
                Err(error) if again(&error) && tries > 0 && self.directory.has_time(&self.call) => tries -= 1,
                Err(error) if self.page > 1 && is_too_long(&error) => {
                    lease.give_back();
                    self.directory.shorten(self.page / 2);
                }
                found => return found.map(|found| (lease, found)),
            }
        }
    }

    fn page_behind(&self, cookie: &[u8]) -> Search {
        self.search.clone().with(controls::paged(self.page, cookie))
    }
}

/// Does the server give no pages of this size? OpenLDAP refuses what is above its `size.pr`, and does not say what that is.
fn is_too_long(error: &LdapError) -> bool {
    let LdapError::Refused(result) = error else { return false };
    result.code == Code::ADMIN_LIMIT && result.message.contains("page size")
}
