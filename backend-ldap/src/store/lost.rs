//! Writes whose answer was lost: what stands is looked up before anything is claimed. What is seen to be done was done; what is not seen
//! may still be under way.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::ldap::{
    Answer, AttributeName, Change, Code, Dn, Entry, LdapError, LdapResult, Operation, Request, Search, Target,
};

use super::commit::Work;

/// Values that are asked for, one by one; whoever wrote more is not told.
const MOST: usize = 1_000;
/// Of these so many at a time.
const AT_ONCE: usize = 32;

impl Work<'_> {
    /// The answer to a write, which where it was lost is that it is done, if that can be seen. What was asserted is no longer looked at: the
    /// write stands.
    pub(super) async fn found_done(&self, request: &Request, lost: LdapError) -> Result<Answer, LdapError> {
        if !matches!(lost, LdapError::Uncertain(_)) {
            return Err(lost);
        }
        let done = match &request.operation {
            Operation::Delete { target: Target::Dn(dn) } => {
                self.shown(dn, Vec::new()).await.map(|entry| entry.is_none())
            }
            Operation::ModifyDn { target: Target::Dn(dn), superior, rdn, .. } => {
                let new = superior.clone().or_else(|| dn.parent()).unwrap_or_else(Dn::root).child(rdn);
                self.is_called(dn, &new).await
            }
            Operation::Modify { target: Target::Dn(dn), changes } => self.stand(dn, changes).await,
            _ => Ok(false),
        };
        match done {
            Ok(true) => {
                tracing::warn!(operation = ?request.operation, error = %lost, "the answer to a write was lost, and it is done");
                Ok(done_answer())
            }
            _ => {
                tracing::warn!(operation = ?request.operation, error = %lost,
                    "the answer to a write was lost, and it cannot be seen that it is done: it may be all the same");
                Err(lost)
            }
        }
    }

    /// Does an entry stand there of just these values?
    pub(super) async fn is_made(&self, dn: &Dn, attributes: &[(AttributeName, Vec<Bytes>)]) -> bool {
        let names = attributes.iter().map(|(name, _)| name.clone()).filter(|name| !name.is_secret()).collect();
        let Ok(Some(entry)) = self.shown(dn, names).await else { return false };
        let mut told = attributes.iter().filter(|(name, _)| !name.is_secret());
        told.all(|(name, values)| values.iter().all(|value| entry.values(name).contains(value)))
    }

    async fn shown(&self, dn: &Dn, mut names: Vec<AttributeName>) -> Result<Option<Entry>, LdapError> {
        names.push(self.mapping.id.name.clone());
        self.inner.directory.entry(&self.call, &Search::entry(dn, names)).await
    }

    /// Does what bore one name bear the other? They may differ in spelling alone.
    pub(super) async fn is_called(&self, old: &Dn, new: &Dn) -> Result<bool, LdapError> {
        let Some(entry) = self.shown(new, Vec::new()).await? else { return Ok(false) };
        let spelt = |dn: &Dn| dn.rdn().map(|rdn| rdn.parts().to_vec());
        Ok(match old == new {
            true => spelt(&entry.dn) == spelt(new),
            false => self.shown(old, Vec::new()).await?.is_none(),
        })
    }

    /// Do these changes stand, all of them?
    async fn stand(&self, dn: &Dn, changes: &[Change]) -> Result<bool, LdapError> {
        let mut single: Vec<(&AttributeName, &Bytes, bool)> = Vec::new();
        let mut whole: Vec<(&AttributeName, &[Bytes])> = Vec::new();
        for change in changes {
            let (name, values) = change.parts();
            let there = matches!(change, Change::Add(..));
            if name.is_secret() {
                return Ok(false);
            }
            if matches!(change, Change::Replace(..)) || values.is_empty() {
                whole.push((name, values));
                continue;
            }
            for value in values {
                single.retain(|(own, other, _)| !(*own == name && *other == value));
                single.push((name, value, there));
            }
        }
        if single.len() > MOST {
            return Ok(false);
        }
        if !whole.is_empty() {
            let names = whole.iter().map(|(name, _)| (*name).clone()).collect();
            let Some(entry) = self.shown(dn, names).await? else { return Ok(false) };
            let same = |(name, values): &(&AttributeName, &[Bytes])| {
                let held = entry.values(name);
                held.len() == values.len() && values.iter().all(|value| held.contains(value))
            };
            if !whole.iter().all(same) {
                return Ok(false);
            }
        }
        let compare = |(name, value, there): (&AttributeName, &Bytes, bool)| {
            let (target, name, value) = (dn.into(), name.clone(), value.clone());
            (Request::from(Operation::Compare { target, name, value }), there)
        };
        let asked: Vec<(Request, bool)> = single.into_iter().map(compare).collect();
        let asked = asked.into_iter().map(|(compare, there)| async move {
            match self.inner.directory.perform(&self.call, &compare).await {
                Ok(answer) => Ok((answer.result.code == Code::COMPARE_TRUE) == there),
                Err(error) if error.code() == Some(Code::NO_SUCH_ATTRIBUTE) => Ok(!there),
                Err(error) => Err(error),
            }
        });
        let told: Result<Vec<bool>, LdapError> = stream::iter(asked).buffered(AT_ONCE).try_collect().await;
        let told = told?;
        Ok(told.into_iter().all(|so| so))
    }
}

/// What a server says of what is done.
pub(super) fn done_answer() -> Answer {
    Answer { result: LdapResult::of(Code::SUCCESS, ""), value: None }
}
