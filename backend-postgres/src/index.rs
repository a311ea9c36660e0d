//! Which attributes of a type are indexed, as the database itself records it: every server that writes keeps the same
//! indexes. What is known of them is compared with the database in every statement that writes, and read again where it
//! is no longer true; for reading it may be a moment old, which costs time and never an answer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use scim_core::store::index::{Entries, Indexed, Rule, Shape, State, Via};
use sha2::{Digest, Sha256};

use crate::connection::Link;
use crate::error::Inner;
use crate::statement::Sql;

/// How long what is known serves for reading.
const FRESH: Duration = Duration::from_secs(1);

/// Bytes of a token that stand in an index as they are: a row of an index must fit on a page.
pub(crate) const LONGEST: usize = 900;

/// A token as it stands in an index: a long one by its beginning and its digest.
pub(crate) fn key(token: &str) -> Cow<'_, str> {
    if token.len() <= LONGEST {
        return Cow::Borrowed(token);
    }
    let end = (0..=LONGEST).rev().find(|&end| token.is_char_boundary(end)).unwrap_or_default();
    let mut key = token.get(..end).unwrap_or_default().to_owned();
    key.push('\u{1}');
    for byte in Sha256::digest(token.as_bytes()) {
        // Writing to a string does not fail.
        let _ok = write!(key, "{byte:02x}");
    }
    Cow::Owned(key)
}

/// The indexes of one type in one tenant.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    /// Moves when they do; None where the tenant was never prepared.
    pub generation: Option<i64>,
    pub attributes: Vec<Indexed>,
}

impl Indexes {
    /// What the indexes hold of a document.
    pub(crate) fn entries(&self, document: &str) -> Entries {
        Entries::new(&self.attributes, document)
    }

    /// Do the indexes certainly hold the same of both documents?
    pub(crate) fn are_alike(&self, one: &str, other: &str) -> bool {
        Entries::are_alike(&self.attributes, one, other)
    }

    /// The attributes of which it is counted how many resources lack them: a list in their order is one of all resources
    /// only where none does.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &Indexed> {
        let text = |indexed: &&Indexed| matches!(indexed.shape.rule, Rule::Text(_));
        self.attributes.iter().filter(|indexed| indexed.single && indexed.via != Via::Global).filter(text)
    }

    /// Is one of them being built, or to be?
    pub(crate) fn is_building(&self) -> bool {
        self.attributes.iter().any(|indexed| indexed.state == State::Missing)
    }

    /// As the database has them now.
    pub(crate) async fn load(link: &Link, tenant: &str, kind: &str) -> Inner<Indexes> {
        // A number that is older than the rows only makes them be read again.
        let generation = Sql::new("SELECT generation FROM catalogue WHERE tenant = $1 AND kind = $2");
        let generation = link.first(generation.bind(tenant).bind(kind)).await?;
        let generation = generation.map(|line| line.int(0)).transpose()?;
        let rows = Sql::new("SELECT attr, via, path, rule, single, state FROM indexed WHERE tenant = $1 AND kind = $2");
        let attributes = link
            .each(rows.bind(tenant).bind(kind), |line| {
                // What a newer program may have put there and this one does not know is left alone.
                let Some(rule) = line.text(3, Rule::named)? else { return Ok(None) };
                let path = line.text(2, |path| serde_json::from_str(path).unwrap_or_default())?;
                Ok(Some(Indexed {
                    attr: line.text(0, str::to_owned)?,
                    shape: Shape { path, rule },
                    via: line.text(1, Via::named)?,
                    state: State::numbered(line.int(5)?),
                    single: line.truth(4)?,
                    search: false,
                }))
            })
            .await?;
        Ok(Indexes { generation, attributes: attributes.into_iter().flatten().collect() })
    }
}

type Known = HashMap<(String, String), (Arc<Indexes>, Instant)>;

/// The indexes of all types, as they were when they were last read.
#[derive(Debug, Default)]
pub(crate) struct Catalogue(RwLock<Known>);

impl Catalogue {
    /// For writing: whatever is known.
    pub(crate) async fn known(&self, link: &Link, tenant: &str, kind: &str) -> Inner<Arc<Indexes>> {
        self.get(link, tenant, kind, None).await
    }

    /// For reading: not older than a moment.
    pub(crate) async fn fresh(&self, link: &Link, tenant: &str, kind: &str) -> Inner<Arc<Indexes>> {
        self.get(link, tenant, kind, Some(FRESH)).await
    }

    /// As the database has it now.
    pub(crate) async fn read(&self, link: &Link, tenant: &str, kind: &str) -> Inner<Arc<Indexes>> {
        self.get(link, tenant, kind, Some(Duration::ZERO)).await
    }

    async fn get(&self, link: &Link, tenant: &str, kind: &str, age: Option<Duration>) -> Inner<Arc<Indexes>> {
        let own = (tenant.to_owned(), kind.to_owned());
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&own).cloned();
        if let Some((indexes, since)) = known
            && age.is_none_or(|age| since.elapsed() < age)
        {
            return Ok(indexes);
        }
        let now = Instant::now();
        let indexes = Arc::new(Indexes::load(link, tenant, kind).await?);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(own, (indexes.clone(), now));
        Ok(indexes)
    }

    /// What is known of a tenant is no longer true.
    pub(crate) fn forget(&self, tenant: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|(own, _), _| own != tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_token_keeps_its_beginning_and_is_told_from_others() {
        let (long, other) = ("ä".repeat(1_000), "ä".repeat(1_001));
        assert_eq!(key("short"), "short");
        assert_eq!(key(&"a".repeat(LONGEST)).len(), LONGEST);
        assert!(key(&long).len() < LONGEST + 70 && key(&long).starts_with(&"ä".repeat(LONGEST / 2)));
        assert_ne!(key(&long), key(&other));
    }
}
