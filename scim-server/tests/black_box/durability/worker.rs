//! A client that writes, remembers what was acknowledged, and knows what was in doubt when the server went away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use conformance_tests::http::encode;
use conformance_tests::session::{GROUP, Session, message, patch_op, user};
use serde_json::{Value, json};

use crate::support::Chance;

/// Users that one worker keeps at most.
const USERS: usize = 120;
/// Groups that one worker keeps at most.
const GROUPS: usize = 4;

/// All values of a resource follow from its stamp: two stamps in one resource are a write that was half applied.
type Stamp = String;

/// One write.
#[derive(Debug, Clone)]
enum Write {
    CreateUser(Stamp),
    ReplaceUser(String, Stamp),
    PatchUser(String, Stamp),
    DeleteUser(String),
    CreateGroup(Stamp, BTreeSet<String>),
    AddMembers(String, BTreeSet<String>),
    RemoveMember(String, String),
    RenameGroup(String, Stamp, BTreeSet<String>),
    DeleteGroup(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    stamp: Stamp,
    members: BTreeSet<String>,
}

/// What is there, as a worker believes or as the server shows it.
#[derive(Debug, Clone, Default)]
struct World {
    users: BTreeMap<String, Stamp>,
    groups: BTreeMap<String, Group>,
}

/// One client.
pub struct Worker {
    number: usize,
    chance: Chance,
    stamps: usize,
    world: World,
    doubt: Vec<Write>,
}

impl Worker {
    /// With this number in every value it writes.
    pub fn new(number: usize, seed: usize) -> Self {
        let chance = Chance::seeded(seed as u64);
        Worker { number, chance, stamps: 0, world: World::default(), doubt: Vec::new() }
    }

    /// Writes until nobody answers any more.
    pub fn write_until_cut_off(&mut self, session: &Session, acknowledged: &AtomicUsize) {
        assert!(self.doubt.is_empty());
        loop {
            let writes = self.think();
            let sent = match &writes[..] {
                [one] => one.send(session).map(|answer| vec![answer]),
                many => send_bulk(session, many),
            };
            let Ok(answers) = sent else {
                self.doubt = writes;
                return;
            };
            for (write, id) in writes.iter().zip(answers) {
                self.world.apply(write, &id);
            }
            acknowledged.fetch_add(writes.len(), Ordering::Relaxed);
        }
    }

    /// What to do next: one write, or several of different resources as a bulk request.
    fn think(&mut self) -> Vec<Write> {
        if self.chance.below(12) > 0 {
            return vec![self.think_one(&BTreeSet::new())];
        }
        let mut used = BTreeSet::new();
        let mut writes = Vec::new();
        for _ in 0..5 {
            let write = self.think_one(&used);
            // A deleted user would change a group that another of them changes.
            if !matches!(write, Write::DeleteUser(_)) && write.of().is_none_or(|id| used.insert(id.to_owned())) {
                writes.push(write);
            }
        }
        if writes.is_empty() { vec![self.think_one(&BTreeSet::new())] } else { writes }
    }

    fn think_one(&mut self, used: &BTreeSet<String>) -> Write {
        let stamp = self.stamp();
        let users: Vec<_> = self.world.users.keys().filter(|id| !used.contains(*id)).cloned().collect();
        let groups: Vec<_> = self.world.groups.keys().filter(|id| !used.contains(*id)).cloned().collect();
        if users.len() < 5 {
            return Write::CreateUser(stamp);
        }
        let user = self.chance.pick(&users).clone();
        let some: BTreeSet<_> = (0..self.chance.below(6)).map(|_| self.chance.pick(&users).clone()).collect();
        let what = self.chance.below(100);
        if what < 55 || groups.is_empty() {
            return match what % 10 {
                0..=3 if users.len() < USERS => Write::CreateUser(stamp),
                0..=4 => Write::PatchUser(user, stamp),
                5..=6 => Write::ReplaceUser(user, stamp),
                _ if groups.len() < GROUPS && what.is_multiple_of(2) => Write::CreateGroup(stamp, some),
                _ => Write::DeleteUser(user),
            };
        }
        let group = self.chance.pick(&groups).clone();
        let members = &self.world.groups[&group].members;
        let new: BTreeSet<_> = some.difference(members).cloned().collect();
        match what % 10 {
            0 => Write::DeleteGroup(group),
            1..=3 => Write::RenameGroup(group, stamp, some),
            4..=6 if !members.is_empty() => {
                let gone = members.iter().nth(self.chance.below(members.len())).unwrap().clone();
                Write::RemoveMember(group, gone)
            }
            _ if !new.is_empty() => Write::AddMembers(group, new),
            _ => Write::PatchUser(user, stamp),
        }
    }

    fn stamp(&mut self) -> Stamp {
        self.stamps += 1;
        format!("w{}-{}", self.number, self.stamps)
    }
}

fn user_of(stamp: &str) -> Value {
    user(json!({
        "userName": stamp, "title": stamp, "nickName": stamp, "displayName": stamp, "externalId": stamp,
        "name": {"familyName": stamp, "givenName": stamp},
        "emails": [{"value": format!("{stamp}@example.com"), "type": "work"}],
    }))
}

fn patch_of(stamp: &str) -> Value {
    patch_op(json!([
        {"op": "replace", "path": "userName", "value": stamp},
        {"op": "replace", "path": "title", "value": stamp},
        {"op": "add", "value": {"nickName": stamp, "displayName": stamp, "externalId": stamp}},
        {"op": "replace", "path": "name.familyName", "value": stamp},
        {"op": "replace", "path": "name.givenName", "value": stamp},
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": format!("{stamp}@example.com")},
    ]))
}

fn values(ids: &BTreeSet<String>) -> Value {
    ids.iter().map(|id| json!({"value": id})).collect()
}

impl Write {
    /// The resource it changes, where that is known.
    fn of(&self) -> Option<&str> {
        match self {
            Write::CreateUser(_) | Write::CreateGroup(..) => None,
            Write::ReplaceUser(id, _) | Write::PatchUser(id, _) | Write::DeleteUser(id) => Some(id),
            Write::AddMembers(id, _)
            | Write::RemoveMember(id, _)
            | Write::RenameGroup(id, ..)
            | Write::DeleteGroup(id) => Some(id),
        }
    }

    /// Method, path and body.
    fn request(&self) -> (&'static str, String, Value) {
        let group = |stamp: &str, members| json!({"schemas": [GROUP], "displayName": stamp, "externalId": stamp, "members": values(members)});
        match self {
            Write::CreateUser(stamp) => ("POST", "/Users".into(), user_of(stamp)),
            Write::ReplaceUser(id, stamp) => ("PUT", format!("/Users/{id}"), user_of(stamp)),
            Write::PatchUser(id, stamp) => ("PATCH", format!("/Users/{id}"), patch_of(stamp)),
            Write::DeleteUser(id) => ("DELETE", format!("/Users/{id}"), Value::Null),
            Write::CreateGroup(stamp, members) => ("POST", "/Groups".into(), group(stamp, members)),
            Write::RenameGroup(id, stamp, members) => ("PUT", format!("/Groups/{id}"), group(stamp, members)),
            Write::AddMembers(id, new) => {
                let add = json!([{"op": "add", "path": "members", "value": values(new)}]);
                ("PATCH", format!("/Groups/{id}"), patch_op(add))
            }
            Write::RemoveMember(id, gone) => {
                let remove = json!([{"op": "remove", "path": format!("members[value eq \"{gone}\"]")}]);
                ("PATCH", format!("/Groups/{id}"), patch_op(remove))
            }
            Write::DeleteGroup(id) => ("DELETE", format!("/Groups/{id}"), Value::Null),
        }
    }

    /// Sends it. An answer is a success; gives the id of what was made.
    fn send(&self, session: &Session) -> anyhow::Result<String> {
        let (method, path, body) = self.request();
        let request = session.request(method, &path);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send()?;
        assert!((200..300).contains(&answer.status), "{self:?}: {}", answer.tell());
        Ok(answer.text("/id").to_owned())
    }

    /// Did it happen, by what the server shows?
    fn happened(&self, shown: &World) -> Option<String> {
        let user = |stamp: &Stamp| shown.users.iter().find(|(_, own)| *own == stamp).map(|(id, _)| id.clone());
        let group = |stamp: &Stamp| shown.groups.iter().find(|(_, own)| own.stamp == *stamp).map(|(id, _)| id.clone());
        let members = |id: &String| shown.groups.get(id).map(|group| &group.members);
        let yes = |it: bool| it.then(String::new);
        match self {
            Write::CreateUser(stamp) | Write::ReplaceUser(_, stamp) | Write::PatchUser(_, stamp) => user(stamp),
            Write::CreateGroup(stamp, _) | Write::RenameGroup(_, stamp, _) => group(stamp),
            Write::DeleteUser(id) => yes(!shown.users.contains_key(id)),
            Write::DeleteGroup(id) => yes(!shown.groups.contains_key(id)),
            Write::AddMembers(id, new) => {
                yes(members(id).is_some_and(|shown| new.iter().any(|one| shown.contains(one))))
            }
            Write::RemoveMember(id, gone) => yes(members(id).is_some_and(|shown| !shown.contains(gone))),
        }
    }
}

/// Sends them as one bulk request, and gives the ids of what was made.
fn send_bulk(session: &Session, writes: &[Write]) -> anyhow::Result<Vec<String>> {
    let operation = |(n, write): (usize, &Write)| {
        let (method, path, data) = write.request();
        let mut operation = json!({"method": method, "path": path, "bulkId": n.to_string()});
        if !data.is_null() {
            operation["data"] = data;
        }
        operation
    };
    let operations: Value = writes.iter().enumerate().map(operation).collect();
    let answer =
        session.request("POST", "/Bulk").json(&message("BulkRequest", json!({"Operations": operations}))).send()?;
    assert_eq!(answer.status, 200, "{}", answer.tell());
    let ids = answer.list("/Operations").iter().map(|one| {
        assert!(one["status"].as_str().unwrap().starts_with('2'), "{one}");
        one["location"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
    });
    Ok(ids.collect())
}

impl World {
    fn apply(&mut self, write: &Write, id: &str) {
        match write.clone() {
            Write::CreateUser(stamp) => drop(self.users.insert(id.to_owned(), stamp)),
            Write::ReplaceUser(id, stamp) | Write::PatchUser(id, stamp) => drop(self.users.insert(id, stamp)),
            Write::DeleteUser(id) => {
                self.users.remove(&id);
                self.groups.values_mut().for_each(|group| _ = group.members.remove(&id));
            }
            Write::CreateGroup(stamp, members) => drop(self.groups.insert(id.to_owned(), Group { stamp, members })),
            Write::RenameGroup(id, stamp, members) => drop(self.groups.insert(id, Group { stamp, members })),
            Write::AddMembers(id, new) => self.groups.get_mut(&id).unwrap().members.extend(new),
            Write::RemoveMember(id, gone) => drop(self.groups.get_mut(&id).unwrap().members.remove(&gone)),
            Write::DeleteGroup(id) => drop(self.groups.remove(&id)),
        }
    }

    /// Everything the server shows. Fails on a resource whose values are of two stamps.
    fn shown(session: &Session) -> World {
        let mut world = World::default();
        for resource in everything(session, "/Users") {
            let stamp = resource["userName"].as_str().unwrap().to_owned();
            let mut expected = user_of(&stamp);
            for known in ["id", "meta", "groups", "active"] {
                if let Some(value) = resource.get(known) {
                    expected[known] = value.clone();
                }
            }
            assert_eq!(resource, expected, "half applied");
            world.users.insert(resource["id"].as_str().unwrap().to_owned(), stamp);
        }
        for resource in everything(session, "/Groups") {
            let stamp = resource["displayName"].as_str().unwrap().to_owned();
            assert_eq!(resource["externalId"], *stamp, "half applied: {resource}");
            let members = resource["members"].as_array().into_iter().flatten();
            let members = members.map(|member| {
                let id = member["value"].as_str().unwrap().to_owned();
                assert_eq!(member["display"].as_str(), world.users.get(&id).map(String::as_str), "{member}");
                id
            });
            let group = Group { stamp, members: members.collect() };
            world.groups.insert(resource["id"].as_str().unwrap().to_owned(), group);
        }
        world
    }
}

/// All resources of an endpoint.
fn everything(session: &Session, endpoint: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page =
            session.get(&format!("{endpoint}?startIndex={}&count=1000", all.len() + 1)).unwrap().is(200).unwrap();
        all.extend(page.list("/Resources").iter().cloned());
        if page.list("/Resources").is_empty() || page.at("/totalResults").as_u64() == Some(all.len() as u64) {
            return all;
        }
    }
}

/// Settles what was in doubt by what the server shows; all the rest must be as it was acknowledged.
pub fn compare(session: &Session, workers: &mut [Worker], round: usize) {
    let shown = World::shown(session);
    let mut expected = World::default();
    for worker in workers {
        for write in std::mem::take(&mut worker.doubt) {
            let happened = write.happened(&shown);
            if let Some(id) = &happened {
                worker.world.apply(&write, id);
            }
            names_agree(session, &write, happened.is_some());
        }
        expected.users.extend(worker.world.users.clone());
        expected.groups.extend(worker.world.groups.clone());
    }
    assert_eq!(shown.users, expected.users, "users after round {round}");
    assert_eq!(shown.groups, expected.groups, "groups after round {round}");
}

/// Unique values and indexes follow the document.
fn names_agree(session: &Session, write: &Write, happened: bool) {
    if let Write::CreateUser(stamp) | Write::ReplaceUser(_, stamp) | Write::PatchUser(_, stamp) = write {
        for filter in [format!("userName eq \"{stamp}\""), format!("emails.value eq \"{stamp}@example.com\"")] {
            let found = session.get(&format!("/Users?filter={}", encode(&filter))).unwrap().is(200).unwrap();
            found.has("/totalResults", usize::from(happened)).unwrap();
        }
        if happened {
            session.post("/Users", &user_of(stamp)).unwrap().fails(409, "uniqueness").unwrap();
        }
    }
}
