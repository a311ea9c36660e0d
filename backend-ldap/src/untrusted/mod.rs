//! What others write, given to all that reads it: for the fuzz target, and for the tests that run the same within bounds.
//! Nothing else needs this.

mod entries;

use std::time::{Duration, Instant};

use ldap3::asn1::{ASNTag, StructureTag, parse_tag};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Handle;

use crate::directory::{Bounds, Connection, Found};
use crate::ldap::ber::whole_length;
use crate::ldap::{Answer, AttributeName, Change, Dn, Filter, LdapError, Operation, Reach, Request, Search};

pub use entries::entry;

/// How the operations ended to which a server answered.
#[derive(Debug)]
pub struct Ended {
    /// A search, of which the number is 0x40000000.
    pub search: Result<Found, LdapError>,
    /// A change, of which it is one more.
    pub modify: Result<Answer, LdapError>,
    /// An extended operation, of which it is two more.
    pub extended: Result<Answer, LdapError>,
}

/// Bytes of a message and of an answer that are taken.
const MOST: usize = 1 << 20;

/// Lets a server say this where three operations wait for their answers, and then go away.
///
/// # Errors
/// No connection could be made.
pub async fn server_says(bytes: &[u8]) -> Result<Ended, LdapError> {
    let (ours, mut server) = duplex(64 << 10);
    let bounds = Bounds { in_flight: 8, message: MOST, answer: MOST };
    let connection = Connection::over(ours, bounds, &Handle::current()).await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    let cn = AttributeName::known("cn");
    let search = Search::new(Dn::root(), Reach::Tree, Filter::present(cn.clone()), vec![cn.clone()]);
    let changes = vec![Change::Replace(cn, vec!["a".into()])];
    let modify = Request::from(Operation::Modify { target: Dn::root().into(), changes });
    let extended = Request::who_am_i();
    let (search, modify, extended, ()) = tokio::join!(
        connection.search(&search, deadline),
        connection.perform(&modify, deadline),
        connection.perform(&extended, deadline),
        async {
            requests(&mut server, 3).await;
            // Where the connection was closed on the way, nobody hears the rest.
            let _ = server.write_all(bytes).await;
            let _ = server.shutdown().await;
            drop(server);
        },
    );
    Ok(Ended { search, modify, extended })
}

/// Until so many are there.
async fn requests(server: &mut DuplexStream, mut count: usize) {
    let mut buffer = bytes::BytesMut::new();
    while count > 0 {
        match whole_length(&buffer, MOST) {
            Ok(Some(length)) if length <= buffer.len() => {
                drop(buffer.split_to(length));
                count -= 1;
            }
            _ => match server.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
        }
    }
}

/// What ldap3 makes of the text of a filter, and what we make of it. None: it is no filter.
pub fn filter(text: &str) -> Option<(Option<StructureTag>, Option<StructureTag>)> {
    let filter = Filter::parse(text).ok()?;
    let theirs = ldap3::parse_filter(filter.to_string()).ok().map(|tag| tag.into_structure());
    let ours = filter.to_ber().ok().and_then(|bytes| Some(parse_tag(&bytes).ok()?.1));
    Some((theirs, ours))
}
