//! pgbench with statements of the server, prepared.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::measure::Sample;
use crate::seed;

/// pgbench on one database.
pub struct Floor {
    folder: PathBuf,
    database: String,
    time: Duration,
}

/// The ids of all users, in their order.
pub async fn ids(database: &str) -> Result<Vec<String>> {
    let client = super::connected(database).await?;
    let rows =
        client.query("SELECT id FROM resource WHERE tenant = 'default' AND kind = 'User' ORDER BY id", &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The ids of users with the numbers that their names have.
pub async fn numbered(database: &str) -> Result<Vec<(String, u64)>> {
    let client = super::connected(database).await?;
    let rows = client
        .query(
            "SELECT id, document::json->>'userName' FROM resource WHERE tenant = 'default' AND kind = 'User' ORDER BY id",
            &[],
        )
        .await?;
    Ok(rows.iter().filter_map(|row| Some((row.try_get(0).ok()?, seed::number(row.try_get(1).ok()?)?))).collect())
}

/// Copies all users, with the rows around them, for scripts to change: those of the server stay as it left them.
async fn copied(database: &str) -> Result<()> {
    let own = "SELECT id, 'p' || row_number() OVER (ORDER BY id) AS copy FROM resource \
               WHERE tenant = 'default' AND kind = 'User' ORDER BY id";
    let sql = format!(
        "DELETE FROM resource WHERE tenant = 'floor'; DELETE FROM claim WHERE owner = 'floor';
         DELETE FROM term WHERE tenant = 'floor';
         CREATE TEMPORARY TABLE own ON COMMIT DROP AS {own};
         INSERT INTO resource SELECT 'floor', kind, own.copy, version, created, modified, label, document
           FROM resource JOIN own USING (id) WHERE tenant = 'default' AND kind = 'User';
         INSERT INTO claim SELECT 'floor', kind, attr, token, 'floor', own.copy
           FROM claim JOIN own ON own.id = holder WHERE owner = 'default';
         INSERT INTO term SELECT 'floor', kind, attr, token, own.copy
           FROM term JOIN own ON own.id = holder WHERE tenant = 'default'"
    );
    // One message is one transaction.
    Ok(super::connected(database).await?.batch_execute(&sql).await?)
}

impl Floor {
    /// Writes the scripts, and what they change.
    pub async fn new(folder: &Path, database: &str, time: Duration, people: &[String]) -> Result<Floor> {
        let floor = Floor { folder: folder.join("floor"), database: database.to_owned(), time };
        std::fs::create_dir_all(&floor.folder)?;
        copied(database).await?;
        floor.write("by_id", &by_id(people.len()))?;
        floor.write("update", &update(people.len(), ""))?;
        floor.write("replace", &update(people.len(), &renamed()))?;
        floor.write("page", PAGE)?;
        floor.write("create", &create(1))?;
        floor.write("batch", &format!("\\startpipeline\nBEGIN;\n{}COMMIT;\n\\endpipeline\n", create(100)))?;
        floor.write("member", &member(people.first().map_or("", String::as_str), people))?;
        Ok(floor)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.script(name), text)?)
    }

    fn script(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sql"))
    }

    /// The users that the server has, with the numbers that their names have.
    pub async fn people(&self) -> Result<Vec<(String, u64)>> {
        numbered(&self.database).await
    }

    /// Runs a script for the time of a measurement.
    pub fn run(&self, name: &str, clients: u64) -> Result<Sample> {
        let mut command = Command::new("pgbench");
        command.args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string()]);
        command.args(["-T", &self.time.as_secs().max(1).to_string()]);
        command.arg("-f").arg(self.script(name));
        let output = command.arg(&self.database).output().context("pgbench, which comes with PostgreSQL, runs not")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let failed = || format!("pgbench {name}: {said}{}", String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), failed());
        let number = |line: &str, before: &str| line.strip_prefix(before)?.split(' ').next()?.parse::<f64>().ok();
        let rate = said.lines().find_map(|line| number(line, "tps = ")).with_context(failed)?;
        let latency = said.lines().find_map(|line| number(line, "latency average = ")).with_context(failed)?;
        Ok(Sample::told(rate, self.time, latency))
    }
}

/// One user of all, another each time, as the server is asked for.
fn by_id(people: usize) -> String {
    format!(
        "\\set i random(1, {people})\n\
         SELECT id, version, created, modified, document FROM resource \
         WHERE tenant = 'floor' AND kind = 'User' AND id = 'p' || :i;\n"
    )
}

const PAGE: &str = "SELECT id, version, created, modified, document FROM resource \
     WHERE tenant = 'default' AND kind = 'User' ORDER BY id LIMIT 101;\n";

/// A text without colons: pgbench takes a word behind one for a variable of its own.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace(':', "\\x3a"))
}

/// The line of the change log, with the position that the server gives it.
fn log(id: &str) -> String {
    let record = serde_json::json!({
        "id": "01900000-0000-7000-8000-000000000000", "at": 1_700_000_000_000_u64, "actor": "bootstrap",
        "request": "01900000-0000-7000-8000-000000000000", "verb": "patch", "attributes": ["title"],
        "resourceType": "User", "resource": "", "version": "2"
    });
    format!(
        "INSERT INTO change (tenant, position, record) SELECT 'default', \
         ((pg_current_xact_id()::text::bigint + (SELECT lead FROM epoch)) << 20) + {id}, {}",
        literal(&record.to_string())
    )
}

/// The rows around one user whose values are of no other.
const TAKEN: &str = "INSERT INTO claim (tenant, kind, attr, token, owner, holder) \
     VALUES ('floor', 'User', 'userName', 'u' || :n, 'floor', 'f' || :n)";
const NAMED: &str = "INSERT INTO term (tenant, kind, attr, token, holder) \
     SELECT 'floor', 'User', u.a, u.t || :n, 'f' || :n FROM (VALUES ('externalId', 'e'), ('displayName', 'd'), \
     ('emails.value', 'work'), ('emails.value', 'home')) u(a, t)";
const COUNTED: &str = "INSERT INTO tally AS c (tenant, kind, attr, slot, n) \
     SELECT 'floor', 'User', a, :client_id, 1 FROM (VALUES ('*')) u(a) \
     ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET n = c.n + excluded.n";

/// As many creations, each the rows that the server writes for one user.
fn create(count: usize) -> String {
    let document = literal(&seed::user_text(1));
    let counted = COUNTED.replace("('*')", "(''), ('*')");
    let mut text = String::new();
    for number in 0..count {
        // Writing to a string does not fail.
        let _ok = writeln!(
            text,
            "\\set n random(1, 9000000000000000000)\n\
             WITH made AS (INSERT INTO resource (tenant, kind, id, version, created, modified, label, document) \
             VALUES ('floor', 'User', 'f' || :n, 1, 1, 1, 'A name', {document}) RETURNING 1), \
             taken AS ({TAKEN} ON CONFLICT DO NOTHING RETURNING 1), named AS ({NAMED}), \
             counted AS ({counted}), logged AS ({}) SELECT (SELECT count(*) FROM taken);",
            log(&number.to_string())
        );
    }
    text
}

/// A change of one user: locked and read with what it links to, written with its line of the log, and this besides.
fn update(people: usize, besides: &str) -> String {
    let document = literal(&seed::user_text(1));
    format!(
        "\\set i random(1, {people})\n\\set n random(1, 9000000000000000000)\n\\startpipeline\nBEGIN;\n\
         SELECT version, created, modified, label, document FROM resource \
         WHERE tenant = 'floor' AND kind = 'User' AND id = 'p' || :i FOR NO KEY UPDATE;\n\
         SELECT target, target_kind FROM link WHERE tenant = 'floor' AND holder = 'p' || :i ORDER BY target;\n\
         \\endpipeline\n\\startpipeline\n\
         WITH written AS (UPDATE resource SET version = version + 1, modified = modified + 1, document = {document} \
         WHERE tenant = 'floor' AND kind = 'User' AND id = 'p' || :i), {besides}logged AS ({}) SELECT true;\n\
         COMMIT;\n\\endpipeline\n",
        log("0")
    )
}

/// The rows around a user of whom every value changes.
fn renamed() -> String {
    format!(
        "released AS (DELETE FROM claim WHERE owner = 'floor' AND holder = 'p' || :i), \
         taken AS ({TAKEN} ON CONFLICT DO NOTHING RETURNING 1), \
         ungone AS (DELETE FROM term WHERE tenant = 'floor' AND kind = 'User' \
         AND attr = ANY(ARRAY['externalId', 'displayName', 'emails.value']) AND holder = 'p' || :i), \
         named AS ({NAMED}), counted AS ({COUNTED}), "
    )
    .replace("'f' || :n", "'p' || :i")
}

/// One link more, of a holder that no other script touches, with the holder's version and the line of the log.
fn member(group: &str, people: &[String]) -> String {
    let last = people.len().saturating_sub(1);
    format!(
        "\\set n random(0, {last})\n\
         WITH held AS MATERIALIZED (SELECT version FROM resource WHERE tenant = 'default' AND kind = 'User' \
         AND id = '{group}' FOR NO KEY UPDATE), \
         edited AS (INSERT INTO link (tenant, holder, attr, target, holder_kind, target_kind) \
         SELECT 'default', '{group}', 'floor', 'f' || :n || random(), 'User', 'User' FROM held ON CONFLICT DO NOTHING RETURNING 1), \
         moved AS (UPDATE resource SET version = version + 1, modified = modified + 1 WHERE tenant = 'default' \
         AND kind = 'User' AND id = '{group}' AND EXISTS (SELECT 1 FROM edited) RETURNING version), \
         logged AS ({}) SELECT version FROM moved;\n",
        log("0")
    )
}
