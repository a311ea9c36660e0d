//! Creation, a change of one attribute, one member more or less.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use serde_json::json;

use crate::measure::Requests;
use crate::seed;
use crate::table::{Line, number};
use crate::world::send;

use super::floor::{self, NewEntry};
use super::{CLIENTS, Run, own};

/// A person as a client sends one: what [`entry`] is in the directory.
pub fn person(name: &str) -> Vec<u8> {
    let (given, family) = (format!("Given {name}"), format!("Family {name}"));
    let user = json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "userName": name,
        "name": { "formatted": format!("{given} {family}"), "givenName": given, "familyName": family },
        "title": "Engineer",
        "emails": [{ "value": format!("{name}@example.org"), "type": "work" }],
        "phoneNumbers": [{ "value": "+1 555 000001", "type": "work" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "employeeNumber": "1", "department": "1" },
    });
    user.to_string().into_bytes()
}

/// The same as an entry.
pub fn entry(name: &str) -> NewEntry {
    let (given, family) = (format!("Given {name}"), format!("Family {name}"));
    let one = |name: &str, value: &str| (name.to_owned(), HashSet::from([value.to_owned()]));
    let attributes = vec![
        one("objectClass", "inetOrgPerson"),
        one("uid", name),
        one("cn", &format!("{given} {family}")),
        one("givenName", &given),
        one("sn", &family),
        one("title", "Engineer"),
        one("mail", &format!("{name}@example.org")),
        one("telephoneNumber", "+1 555 000001"),
        one("employeeNumber", "1"),
        one("departmentNumber", "1"),
    ];
    (format!("uid={name},{}", floor::people()), attributes)
}

impl Run {
    /// A creation, and a change of one attribute.
    pub(super) async fn writes(&self) -> Result<Vec<Line>> {
        let next = Arc::new(AtomicU64::new(self.fresh(1 << 30)));
        // Names of one form on both sides: of a longer one, each value is in an index of fragments more often.
        let newcomer = move || format!("newcomer{}", next.fetch_add(1, Ordering::Relaxed));
        let named = newcomer.clone();
        let make: Requests = Arc::new(move |_, _| send("POST", "/scim/v2/Users", &person(&named())));
        let raw = async || {
            let named = newcomer.clone();
            let once = move |mut ldap, _, _| {
                let entry = entry(&named());
                async move { floor::add(&mut ldap, entry).await }
            };
            self.floor.run(CLIENTS as usize, Arc::new(once)).await
        };
        let found = self.against(make, raw).await?;
        let mut lines = vec![Line::share("POST of one user", "the same Add", &found, 0.85)];

        let titles = Arc::new(AtomicU64::new(0));
        let (people, next) = (self.people.clone(), titles.clone());
        let make: Requests = Arc::new(move |connection, turn| {
            let title = format!("Engineer {}", next.fetch_add(1, Ordering::Relaxed));
            let body = seed::patch(json!([{ "op": "replace", "path": "title", "value": title }]));
            let target = format!("/scim/v2/Users/{}?excludedAttributes=groups", own(&people, connection, turn));
            send("PATCH", &target, &body)
        });
        let raw = async || {
            let (people, titles) = (self.people.clone(), titles.clone());
            self.floor
                .run(
                    CLIENTS as usize,
                    Arc::new(move |mut ldap, connection, turn| {
                        let title = format!("Engineer {}", titles.fetch_add(1, Ordering::Relaxed));
                        // Whom the server's clients change too, though never at the same time.
                        let id = own(&people, connection, turn).to_owned();
                        async move { floor::retitle(&mut ldap, &id, title).await }
                    }),
                )
                .await
        };
        let found = self.against(make, raw).await?;
        lines.push(Line::share("PATCH of one attribute", "the same search and Modify", &found, 0.85));
        Ok(lines)
    }

    /// One member more or less, each client its own.
    pub(super) async fn members(&self) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        for (size, group) in &self.groups {
            // The last ones are in no group but that of all: there they go before they come.
            let all = *size >= self.people.len();
            let sides = 2 * CLIENTS as usize;
            let turns: Arc<Vec<AtomicU64>> = Arc::new((0..sides).map(|_| AtomicU64::new(u64::from(all))).collect());
            let people = self.people.clone();
            let one = move |connection: u64, side: u64| {
                let own = usize::try_from(side * CLIENTS + connection).unwrap_or_default();
                let turn = turns.get(own).map_or(0, |turns| turns.fetch_add(1, Ordering::Relaxed));
                let person = people.get(people.len().saturating_sub(1 + own)).cloned().unwrap_or_default();
                (person, turn % 2 == 0)
            };
            let (served, id) = (one.clone(), group.clone());
            let make: Requests = Arc::new(move |connection, _| {
                let (person, comes) = served(connection, 0);
                let body = if comes { seed::add_members([&*person].into_iter()) } else { seed::remove_member(&person) };
                send("PATCH", &format!("/scim/v2/Groups/{id}"), &body)
            });
            let raw = async || {
                let (one, group) = (one.clone(), group.clone());
                let once = move |mut ldap, connection, _| {
                    let (person, comes) = one(connection, 1);
                    let group = group.clone();
                    async move { floor::join(&mut ldap, &group, &person, comes).await }
                };
                self.floor.run(CLIENTS as usize, Arc::new(once)).await
            };
            let found = self.against(make, raw).await?;
            let work = format!("one member more or less, group of {}", number(*size as f64));
            lines.push(Line::share(&work, "the same searches and Modify", &found, 0.85));
        }
        Ok(lines)
    }
}
