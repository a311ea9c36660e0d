//! The floor of the store: the same statements as the server's SQLite store, through rusqlite in this process, with the
//! same durability, on a copy of the very database.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::seed;

const TENANT: &str = "default";
/// Pages in the write-ahead log between two checkpoints, as in the server.
const CHECKPOINT: i64 = 4_000;
/// From the number of one resource to that of the next, as in the server.
const GAP: i64 = 1 << 12;
/// Members in one row, as in the server, more or less.
const MEMBERS: usize = 12;
/// Operations between two looks at the length of the log.
const LOOK: u64 = 64;

/// An indexed attribute, as the database describes it.
struct Indexed {
    attr: String,
    /// The number under which its values stand.
    shelf: i64,
    claimed: bool,
    path: Vec<String>,
    exact: bool,
}

/// A user that is there.
pub struct Person {
    pub id: String,
    /// In [`seed`].
    pub number: u64,
}

/// A copy of the database.
pub struct Raw {
    db: Connection,
    /// The numbers under which users and groups stand.
    users: i64,
    groups: Option<i64>,
    indexed: Vec<Indexed>,
    /// The number under which members of groups stand; None where there are none.
    members: Option<i64>,
    /// The table and the attributes of the substring index.
    search: Option<(String, Vec<String>)>,
    /// A line of the change log as the server writes it for a new user.
    created: String,
    /// The same for one that was changed, or for a group.
    changed: String,
    written: u64,
}

/// A resource and its index rows, ready to be written.
pub struct Prepared {
    id: String,
    label: Option<String>,
    document: String,
    tokens: Vec<Token>,
}

/// What a resource has of an indexed attribute.
struct Token {
    attr: String,
    shelf: i64,
    text: String,
    /// It must be unique.
    claimed: bool,
}

impl Raw {
    pub fn open(path: &Path) -> Result<Raw> {
        let db = Connection::open(path)?;
        db.set_prepared_statement_cache_capacity(256);
        db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        db.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384;
             PRAGMA temp_store = MEMORY;",
        )?;
        db.query_row("PRAGMA mmap_size = 1073741824", [], |_| Ok(()))?;
        db.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let mut statement = db.prepare(
            "SELECT i.attr, i.via, i.path, i.rule, s.number FROM indexed i JOIN shelf s USING (tenant, kind, attr)
             WHERE i.tenant = ?1 AND i.kind = 'User'",
        )?;
        let rows = statement.query_map([TENANT], |row| {
            let (via, path, rule): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let path = serde_json::from_str(&path).unwrap_or_default();
            Ok(Indexed { attr: row.get(0)?, shelf: row.get(4)?, claimed: via != "term", path, exact: rule == "exact" })
        })?;
        let indexed = rows.collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        ensure!(!indexed.is_empty(), "{} has no indexes", path.display());
        let shelf = |kind: &str, attr: &str| {
            let sql = "SELECT number FROM shelf WHERE tenant = ?1 AND kind = ?2 AND attr = ?3";
            db.query_row(sql, [TENANT, kind, attr], |row| row.get(0)).optional()
        };
        let users = shelf("User", "id")?.with_context(|| format!("{} has no users", path.display()))?;
        let (groups, members) = (shelf("Group", "id")?, shelf("Group", "members")?);
        let search = db
            .query_row("SELECT number, attrs FROM search WHERE tenant = ?1 AND kind = 'User'", [TENANT], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?
            .map(|(number, attrs)| (format!("gram_{number}"), serde_json::from_str(&attrs).unwrap_or_default()));
        let created =
            "SELECT record FROM change WHERE record ->> 'resourceType' = 'User' AND record ->> 'verb' = 'create'
                       ORDER BY id LIMIT 1";
        let created: Option<String> = db.query_row(created, [], |row| row.get(0)).optional()?;
        let created = created.unwrap_or_default();
        Ok(Raw { db, users, groups, indexed, members, search, changed: changed(&created), created, written: 0 })
    }

    /// Takes all resources out, and leaves the indexes.
    pub fn empty(&self) -> Result<()> {
        self.db.execute_batch(
            "DELETE FROM resource; DELETE FROM bundle; DELETE FROM link; DELETE FROM claim; DELETE FROM term; DELETE FROM change;
             UPDATE extent SET n = 0; UPDATE indexed SET n = 0;",
        )?;
        if let Some((table, _)) = &self.search {
            self.db.execute(&format!("INSERT INTO {table} ({table}) VALUES ('delete-all')"), [])?;
        }
        self.db.execute_batch("VACUUM")?;
        Ok(())
    }

    /// All users of the start, in order of their ids.
    pub fn users(&self) -> Result<Vec<Person>> {
        let mut statement =
            self.db.prepare("SELECT id, document ->> 'userName' FROM resource WHERE shelf = ?1 ORDER BY id")?;
        let rows = statement.query_map([self.users], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (id, name) = row?;
            Ok(Person { id, number: seed::number(&name).with_context(|| format!("{name} is nobody of the start"))? })
        })
        .collect()
    }

    /// The id of the group of this name.
    pub fn group(&self, name: &str) -> Result<Option<String>> {
        let mut statement =
            self.db.prepare("SELECT id FROM resource WHERE shelf = ?1 AND document ->> 'displayName' = ?2")?;
        Ok(statement.query_row(params![self.groups, name], |row| row.get(0)).optional()?)
    }

    /// What a resource puts into the tables. Not part of what is measured.
    pub fn prepare(&self, id: String, user: &Value) -> Prepared {
        let mut tokens = Vec::new();
        for indexed in &self.indexed {
            let mut found = Vec::new();
            collect(user, &indexed.path, &mut found);
            for text in found {
                let text = if indexed.exact { text.to_owned() } else { text.to_lowercase() };
                let Indexed { attr, shelf, claimed, .. } = indexed;
                tokens.push(Token { attr: attr.clone(), shelf: *shelf, text, claimed: *claimed });
            }
        }
        let label = user.get("displayName").and_then(Value::as_str).map(str::to_owned);
        Prepared { id, label, document: user.to_string(), tokens }
    }

    /// Creates these users in one durable transaction, each in its savepoint where they are several.
    pub fn create(&mut self, users: &[Prepared]) -> Result<()> {
        self.run("BEGIN IMMEDIATE", [])?;
        let mut indexed = Vec::with_capacity(users.len());
        let one = |user| Ok((self.insert(user)?, user));
        for user in users {
            indexed.push(if users.len() > 1 { self.apart(|| one(user))? } else { one(user)? });
        }
        for (seq, user) in indexed {
            self.index(seq, user)?;
        }
        let by = i64::try_from(users.len())?;
        self.run("UPDATE extent SET n = n + ?2 WHERE tenant = ?1 AND kind = 'User'", params![TENANT, by])?;
        for indexed in &self.indexed {
            self.run(
                "UPDATE indexed SET n = n + ?3 WHERE tenant = ?1 AND kind = 'User' AND attr = ?2",
                params![TENANT, indexed.attr, by],
            )?;
        }
        self.commit()
    }

    /// A resource and its rows, behind all others. Gives its number.
    fn insert(&self, user: &Prepared) -> Result<i64> {
        let above: Option<i64> = self
            .db
            .prepare_cached("SELECT seq FROM resource WHERE shelf = ?1 AND id > ?2 ORDER BY id LIMIT 1")?
            .query_row(params![self.users, user.id], |row| row.get(0))
            .optional()?;
        ensure!(above.is_none(), "{} is not the last id", user.id);
        let last: Option<i64> =
            self.db.prepare_cached("SELECT max(seq) FROM resource")?.query_row([], |row| row.get(0))?;
        let seq = last.unwrap_or(0) + GAP;
        self.run(
            "INSERT INTO resource (seq, shelf, id, version, created, modified, linked, label, document)
             SELECT ?6, ?7, ?2, 1, ?3, ?3, 0, ?4, ?5
             WHERE NOT EXISTS (SELECT 1 FROM shelf s CROSS JOIN resource r
                               ON r.shelf = s.number AND r.id = ?2 WHERE s.tenant = ?1 AND s.attr = 'id')",
            params![TENANT, user.id, 1_700_000_000_000i64, user.label, user.document, seq, self.users],
        )?;
        for Token { shelf, text, claimed, .. } in &user.tokens {
            let sql = if *claimed {
                "INSERT INTO claim (shelf, token, seq) VALUES (?1, ?2, ?3)"
            } else {
                "INSERT OR IGNORE INTO term (shelf, token, seq) VALUES (?1, ?2, ?3)"
            };
            self.run(sql, params![shelf, text, seq])?;
        }
        self.log(&self.created)?;
        Ok(seq)
    }

    fn index(&self, seq: i64, user: &Prepared) -> Result<()> {
        let Some((table, attrs)) = &self.search else { return Ok(()) };
        let names: String = (0..attrs.len()).map(|number| format!(", c{number}")).collect();
        let marks: String = (0..attrs.len()).map(|number| format!(", ?{}", number + 2)).collect();
        let mut statement =
            self.db.prepare_cached(&format!("INSERT INTO {table} (rowid{names}) VALUES (?1{marks})"))?;
        statement.raw_bind_parameter(1, seq)?;
        for (number, attr) in attrs.iter().enumerate() {
            let own = user.tokens.iter().filter(|token| token.attr == *attr).map(|token| token.text.as_str());
            statement.raw_bind_parameter(number + 2, own.collect::<Vec<_>>().join("\n"))?;
        }
        statement.raw_execute()?;
        Ok(())
    }

    /// Gives these users another document, in one durable transaction: each is read first, as PUT and PATCH must.
    pub fn update(&mut self, users: &[(&str, &str)]) -> Result<()> {
        self.run("BEGIN IMMEDIATE", [])?;
        for (id, document) in users {
            if users.len() > 1 { self.apart(|| self.replace(id, document))? } else { self.replace(id, document)? }
        }
        self.commit()
    }

    fn replace(&self, id: &str, document: &str) -> Result<()> {
        let (seq, version) = self.standing(Some(self.users), id)?;
        let before: String = self
            .db
            .prepare_cached("SELECT document FROM resource WHERE seq = ?1")?
            .query_row([seq], |row| row.get(0))?;
        ensure!(!before.is_empty(), "no document");
        self.run(
            "UPDATE resource SET version = ?2, modified = ?3, document = ?4 WHERE seq = ?1",
            params![seq, version + 1, 1_700_000_000_000i64, document],
        )?;
        self.log(&self.changed)
    }

    /// Adds a member to a group, durably.
    pub fn add_member(&mut self, group: &str, user: &str) -> Result<()> {
        self.run("BEGIN IMMEDIATE", [])?;
        let (seq, version) = self.standing(self.groups, group)?;
        let (number, label): (i64, Option<String>) = self
            .db
            .prepare_cached("SELECT seq, label FROM resource WHERE shelf = ?1 AND id = ?2")?
            .query_row(params![self.users, user], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut bundle = self.bundle(group, user)?;
        bundle.links.push(json!([user, "User", label]));
        bundle.links.sort_by(|a, b| target(a).cmp(target(b)));
        self.run("INSERT INTO link (shelf, target, holder) VALUES (?1, ?2, ?3)", params![self.members, number, seq])?;
        self.keep(group, &bundle)?;
        self.run(
            "UPDATE resource SET version = ?2, modified = ?3 WHERE seq = ?1",
            params![seq, version + 1, 1_700_000_000_000i64],
        )?;
        self.log(&self.changed)?;
        self.commit()
    }

    /// Takes a member out again, so that it can be added once more: durable with [`Raw::settle`]. Not measured.
    pub fn forget_member(&mut self, group: &str, user: &str) -> Result<()> {
        if self.db.is_autocommit() {
            self.run("BEGIN IMMEDIATE", [])?;
        }
        let mut bundle = self.bundle(group, user)?;
        bundle.links.retain(|link| target(link) != user);
        self.keep(group, &bundle)?;
        let (number, seq) = (self.standing(Some(self.users), user)?.0, self.standing(self.groups, group)?.0);
        self.run(
            "DELETE FROM link WHERE shelf = ?1 AND target = ?2 AND holder = ?3",
            params![self.members, number, seq],
        )
    }

    /// The members that lie beside one.
    fn bundle(&self, group: &str, user: &str) -> Result<Bundle> {
        let found = self
            .db
            .prepare_cached(
                "SELECT first, links FROM bundle WHERE tenant = ?1 AND holder = ?2 AND attr = 'members' AND first <= ?3
                 ORDER BY first DESC LIMIT 1",
            )?
            .query_row(params![TENANT, group, user], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
            .optional()?;
        let (first, links) = found.with_context(|| format!("the group {group} has no members"))?;
        Ok(Bundle { first, links: serde_json::from_str(&links)? })
    }

    /// Writes them down again, in two where they have become too many for one row.
    fn keep(&self, group: &str, Bundle { first, links }: &Bundle) -> Result<()> {
        let (own, more) = links.split_at(if links.len() > MEMBERS { links.len() / 2 } else { links.len() });
        self.run(
            "UPDATE bundle SET n = ?4, links = ?5 WHERE tenant = ?1 AND holder = ?2 AND attr = 'members' AND first = ?3",
            params![TENANT, group, first, i64::try_from(own.len())?, serde_json::to_string(own)?],
        )?;
        let Some(next) = more.first() else { return Ok(()) };
        self.run(
            "INSERT INTO bundle (tenant, holder, attr, first, holder_kind, n, links)
             VALUES (?1, ?2, 'members', ?3, 'Group', ?4, ?5)",
            params![TENANT, group, target(next), i64::try_from(more.len())?, serde_json::to_string(more)?],
        )
    }

    /// Ends what [`Raw::forget_member`] began.
    pub fn settle(&mut self) -> Result<()> {
        if self.db.is_autocommit() { Ok(()) } else { self.commit() }
    }

    /// A page by offset over the index of ids, with its documents. Gives their bytes.
    pub fn page(&self, skip: u64, count: u64) -> Result<usize> {
        let mut statement = self.db.prepare_cached(
            "SELECT r.id, r.version, r.created, r.modified, r.document
             FROM (SELECT id FROM resource WHERE shelf = ?1 ORDER BY id LIMIT ?3 OFFSET ?2) p
             CROSS JOIN resource r ON r.shelf = ?1 AND r.id = p.id",
        )?;
        let mut rows = statement.query(params![self.users, i64::try_from(skip)?, i64::try_from(count)?])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            bytes += row.get_ref(4)?.as_str()?.len();
        }
        Ok(bytes)
    }

    /// All display names that hold a fragment, found by looking at every one: how many, and the bytes of the first
    /// hundred documents.
    pub fn scan(&self, fragment: &str) -> Result<(usize, usize)> {
        let shelf = self.indexed.iter().find(|indexed| indexed.attr == "displayName").map(|indexed| indexed.shelf);
        let mut statement = self.db.prepare_cached("SELECT seq FROM term WHERE shelf = ?1 AND instr(token, ?2) > 0")?;
        let rows = statement.query_map(params![shelf, fragment], |row| row.get::<_, i64>(0))?;
        let mut numbers = rows.collect::<Result<Vec<_>, _>>()?;
        numbers.sort_unstable();
        let mut statement = self.db.prepare_cached("SELECT document FROM resource WHERE seq = ?1")?;
        let mut bytes = 0;
        for number in numbers.iter().take(100) {
            bytes += statement.query_row([number], |row| Ok(row.get_ref(0)?.as_str()?.len()))?;
        }
        Ok((numbers.len(), bytes))
    }

    fn standing(&self, shelf: Option<i64>, id: &str) -> Result<(i64, i64)> {
        let mut statement = self.db.prepare_cached(
            "SELECT seq, version, created, modified, label FROM resource WHERE shelf = ?1 AND id = ?2",
        )?;
        let found = statement.query_row(params![shelf, id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        found.with_context(|| format!("the copy has no resource {id}"))
    }

    fn log(&self, line: &str) -> Result<()> {
        self.run("INSERT INTO change (tenant, record) VALUES (?1, ?2)", params![TENANT, line])
    }

    /// In a savepoint, as the server does what shares a transaction with others.
    fn apart<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.run("SAVEPOINT mutation", [])?;
        let done = work()?;
        self.run("RELEASE mutation", [])?;
        Ok(done)
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        self.db.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.run("COMMIT", [])?;
        self.written += 1;
        if self.written.is_multiple_of(LOOK) {
            // Copied back in portions of the same size as the server does.
            let (pages, copied): (i64, i64) =
                self.db.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| Ok((row.get(1)?, row.get(2)?)))?;
            if pages - copied >= CHECKPOINT {
                self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            }
        }
        Ok(())
    }
}

/// Some members of a group, as they lie in one row.
struct Bundle {
    first: String,
    links: Vec<Value>,
}

/// Whom a link in a bundle leads to.
fn target(link: &Value) -> &str {
    link.get(0).and_then(Value::as_str).unwrap_or_default()
}

/// The line of a change of one attribute, from that of a creation.
fn changed(created: &str) -> String {
    let mut line: Value = serde_json::from_str(created).unwrap_or_default();
    if let Some(members) = line.as_object_mut() {
        members.insert("verb".into(), "patch".into());
        members.insert("attributes".into(), json!(["title"]));
        members.insert("before".into(), json!({ "title": "Engineer 1000000" }));
        members.insert("after".into(), json!({ "title": "Engineer 1000001" }));
    }
    line.to_string()
}

/// The texts at the end of a path, through arrays.
fn collect<'a>(value: &'a Value, path: &[String], found: &mut Vec<&'a str>) {
    match (value, path.split_first()) {
        (Value::Array(elements), _) => elements.iter().for_each(|element| collect(element, path, found)),
        (Value::Object(members), Some((name, rest))) => {
            if let Some(value) = members.get(name) {
                collect(value, rest, found);
            }
        }
        (Value::String(text), None) => found.push(text),
        _ => {}
    }
}
