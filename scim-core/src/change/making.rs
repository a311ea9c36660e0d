//! What every change set needs beside the change: who makes it, when, and under which rules.

use std::collections::HashSet;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::store::{ResourceId, Scope};

use super::SecretEdit;
use super::record::{ChangeRecord, Verb};

/// Who makes a change, when, and under which rules.
#[derive(Debug, Clone)]
pub struct Making {
    /// Unique id of the change record.
    pub id: String,
    /// The time of the request.
    pub at: Timestamp,
    /// The credential that asks.
    pub actor: Arc<str>,
    /// The request it asks in.
    pub request: Arc<str>,
    /// What was asked for.
    pub verb: Verb,
    /// Are `Group.displayName`s unique here? (7643-4.2-02)
    pub unique_group_names: bool,
    /// Bytes that a document may grow to.
    pub document_max: usize,
    /// Secrets of the request, hashed where the store keeps hashes. Taken over into the change set as they are.
    pub secrets: Vec<SecretEdit>,
    /// Link targets known not to exist, which the tenant wants left out.
    pub without: Arc<HashSet<ResourceId>>,
}

impl Making {
    /// For a request in this scope.
    pub fn new(scope: &Scope, id: String, verb: Verb) -> Self {
        Making {
            id,
            at: scope.now,
            actor: scope.actor.clone(),
            request: scope.request.clone(),
            verb,
            unique_group_names: false,
            document_max: usize::MAX,
            secrets: Vec::new(),
            without: Arc::default(),
        }
    }

    /// The record of a change that touched these attributes.
    pub fn record(&self, attributes: Vec<String>) -> ChangeRecord {
        ChangeRecord {
            id: self.id.clone(),
            at: self.at.millis(),
            actor: self.actor.to_string(),
            request: self.request.to_string(),
            verb: self.verb,
            attributes,
            before: None,
            after: None,
        }
    }
}
