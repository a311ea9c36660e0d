//! A connection that is cut right behind a COMMIT, or right before it: what stands is answered as done, and what does not
//! as refused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on must fail")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use backend_postgres::{Options, PostgresStore};
use conformance_tests::alike::making::{
    change, create, delete, members, modify, registry, replace, rt, scope, tenant, user,
};
use conformance_tests::servers::postgres::{Database, Postgres};
use futures_util::future::join_all;
use scim_core::ScimError;
use scim_core::change::{Action, Change, ChangeSet, Effect, Expect, Mutation, Outcome, Resolve, Verb};
use scim_core::query::Select;
use scim_core::store::{Record, ResourceId, Result, Store, StoreErrorKind, StoreExt, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The database has it, and the answer never comes.
    Behind = 1,
    /// The database never hears of it.
    Before = 2,
    /// The database has it, and its last word is that it ends.
    Ended = 3,
}

/// Between store and database. Cuts once, where it is told to.
struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What is to be cut: 0 nothing, else a [`Cut`].
    armed: AtomicU8,
    /// What the statement that commits has in it.
    at: Mutex<&'static str>,
    /// What its values have in them, all of these.
    with: Mutex<Vec<String>>,
}

/// A message of a client: its type (0 for the first), and all of it.
type Message = (u8, Vec<u8>);

async fn message(from: &mut OwnedReadHalf, first: bool) -> std::io::Result<Message> {
    let kind = if first { 0 } else { from.read_u8().await? };
    let length = from.read_u32().await?;
    let mut whole = if first { Vec::new() } else { vec![kind] };
    whole.extend_from_slice(&length.to_be_bytes());
    let start = whole.len();
    whole.resize(start + length as usize - 4, 0);
    from.read_exact(&mut whole[start..]).await?;
    Ok((kind, whole))
}

/// The texts in a message, each up to its zero.
fn texts(message: &[u8]) -> Vec<String> {
    message[5..].split(|byte| *byte == 0).take(2).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

impl Proxy {
    async fn before(database: &Database) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = Url::parse(&database.url()).unwrap();
        let to = format!("{}:{}", to.host_str().unwrap(), to.port().unwrap());
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&to).await.unwrap();
                // Messages are handed on one by one: each would wait for the acknowledgement of the one before.
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                tokio::spawn(between(client, server, own.clone()));
            }
        });
        Proxy { port, shared }
    }

    fn arm(&self, cut: Cut, at: &'static str, with: &[&str]) {
        *self.shared.at.lock().unwrap() = at;
        *self.shared.with.lock().unwrap() = with.iter().map(|text| (*text).to_owned()).collect();
        self.shared.armed.store(cut as u8, Ordering::SeqCst);
    }

    fn has_cut(&self) -> bool {
        self.shared.armed.load(Ordering::SeqCst) == 0
    }
}

/// What a server says that is being stopped.
fn last_word() -> Vec<u8> {
    let fields = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap();
    [&b"E"[..], &length.to_be_bytes(), fields].concat()
}

async fn between(client: TcpStream, server: TcpStream, shared: Arc<Shared>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (silence, mut silenced) = tokio::sync::oneshot::channel::<()>();
    // Answers, until there is to be silence; then whatever comes is swallowed until the server has ended.
    let answers = tokio::spawn(async move {
        let mut piece = vec![0; 64 << 10];
        let mut silent = false;
        loop {
            let read = tokio::select! {
                biased;
                _ = &mut silenced, if !silent => { silent = true; continue }
                read = from_server.read(&mut piece) => read,
            };
            match read {
                Ok(count) if count > 0 => {
                    if !silent && to_client.write_all(&piece[..count]).await.is_err() {
                        break;
                    }
                }
                _ => break,
            }
        }
        to_client
    });
    let mut statements: HashMap<String, String> = HashMap::new();
    let mut silence = Some(silence);
    let (mut first, mut cut) = (true, None);
    while let Ok((kind, whole)) = message(&mut from_client, first).await {
        first = false;
        let names = if matches!(kind, b'P' | b'B') { texts(&whole) } else { Vec::new() };
        if kind == b'P' {
            statements.insert(names[0].clone(), names[1].clone());
        }
        if kind == b'B' && cut.is_none() && shared.is_meant(statements.get(&names[1]), &whole) {
            cut = match shared.armed.swap(0, Ordering::SeqCst) {
                1 => Some(Cut::Behind),
                2 => Some(Cut::Before),
                3 => Some(Cut::Ended),
                _ => None,
            };
            if cut.is_some() {
                drop(silence.take());
            }
        }
        if cut == Some(Cut::Before) {
            break;
        }
        if to_server.write_all(&whole).await.is_err() || (cut.is_some() && kind == b'S') {
            break;
        }
    }
    // The server reads to the end of what it was sent, and ends.
    let _ = to_server.shutdown().await;
    if let (Ok(mut to_client), Some(Cut::Ended)) = (answers.await, cut) {
        let _ = to_client.write_all(&last_word()).await;
    }
}

impl Shared {
    /// Is this statement, with these values, the one to be cut?
    fn is_meant(&self, statement: Option<&String>, bound: &[u8]) -> bool {
        let has = |text: &String| bound.windows(text.len()).any(|part| part == text.as_bytes());
        let at = *self.at.lock().unwrap();
        !at.is_empty() && statement.is_some_and(|text| text.contains(at)) && self.with.lock().unwrap().iter().all(has)
    }
}

struct Bench {
    store: PostgresStore,
    proxy: Proxy,
    database: Database,
}

async fn bench() -> Bench {
    let database = Postgres::shared().unwrap().database().unwrap();
    let proxy = Proxy::before(&database).await;
    let mut url = Url::parse(&database.url()).unwrap();
    url.set_port(Some(proxy.port)).unwrap();
    let store = PostgresStore::open(Options { allow_unsafe: true, ..Options::new(url) }).await.unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    let bench = Bench { store, proxy, database };
    for mutation in [create("User", "u1", &user("u1")), create("Group", "g1", r#"{"displayName":"G"}"#)] {
        bench.commit(vec![mutation]).await.remove(0).unwrap();
    }
    bench
}

impl Bench {
    async fn commit(&self, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        self.store.commit(&scope(), batch).await
    }

    async fn get(&self, kind: &str, id: &str) -> Option<Record> {
        let rt = rt(kind);
        let select = rt.links.iter().fold(Select::document(), |select, link| select.with_link(link));
        self.store.get(&scope(), &rt.kind, &ResourceId::new(id), &select).await.unwrap()
    }

    /// Commits while the connection is cut there; gives the answers.
    async fn cut(&self, cut: Cut, at: &'static str, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        self.proxy.arm(cut, at, &[]);
        let answers = self.commit(batch).await;
        assert!(self.proxy.has_cut(), "nothing was cut at {at:?}");
        answers
    }
}

fn refused<'a>(answers: impl IntoIterator<Item = &'a Result<Outcome>>) {
    for answer in answers {
        let Err(error) = answer else { panic!("{answer:?}") };
        assert!(matches!(error.kind, StoreErrorKind::Unavailable), "{error:?}");
    }
}

fn effects(answers: Vec<Result<Outcome>>) -> Vec<Effect> {
    answers.into_iter().map(|answer| answer.unwrap().effect).collect()
}

const COMMIT: &str = "COMMIT";
/// One statement, which is its own transaction.
const ALONE: &str = "INSERT INTO change";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change() {
    let bench = bench().await;
    let known = |title: &str| {
        let document = format!(r#"{{"userName":"u1","title":"{title}"}}"#);
        modify("User", "u1", Change::Known(Box::new(change(&rt("User"), None, &document, Verb::Replace))))
    };
    // What depends on the record is read first and written by one statement; what does not is locked first.
    for (at, mutations, version) in [
        (ALONE, [replace("User", "u1", &user("other")), replace("User", "u1", &user("third"))], 2),
        (COMMIT, [known("one"), known("two")], 3),
    ] {
        let [lost, done] = mutations;
        let before = bench.get("User", "u1").await.unwrap();
        refused(&bench.cut(Cut::Before, at, vec![lost]).await);
        let now = bench.get("User", "u1").await.unwrap();
        assert_eq!((&now.version, &now.document), (&before.version, &before.document));
        let done = Mutation { reply: Some(Select::document()), ..done };
        let outcome = bench.cut(Cut::Behind, at, vec![done]).await.remove(0).unwrap();
        assert_eq!((outcome.effect, outcome.version.as_str()), (Effect::Changed, version.to_string().as_str()));
        let now = bench.get("User", "u1").await.unwrap();
        assert_eq!((&now.version, &now.document), (&outcome.version, &outcome.record.unwrap().document));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation() {
    let bench = bench().await;
    refused(&bench.cut(Cut::Before, ALONE, vec![create("User", "u2", &user("u2"))]).await);
    assert!(bench.get("User", "u2").await.is_none());
    assert_eq!(
        effects(bench.cut(Cut::Behind, ALONE, vec![create("User", "u2", &user("u2"))]).await),
        [Effect::Created]
    );
    assert!(bench.get("User", "u2").await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion() {
    let bench = bench().await;
    refused(&bench.cut(Cut::Before, COMMIT, vec![delete("User", "u1")]).await);
    assert!(bench.get("User", "u1").await.is_some());
    assert_eq!(effects(bench.cut(Cut::Behind, COMMIT, vec![delete("User", "u1")]).await), [Effect::Deleted]);
    assert!(bench.get("User", "u1").await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member() {
    let bench = bench().await;
    // Done twice is done once: wherever it was cut, it is done.
    for (cut, id) in [(Cut::Before, "u1"), (Cut::Behind, "u1")] {
        bench.cut(cut, ALONE, vec![members("add", "g1", &[id])]).await.remove(0).unwrap();
        let group = bench.get("Group", "g1").await.unwrap();
        assert_eq!((group.links[0].links.len(), group.version.as_str()), (1, "2"));
    }
}

/// Where a version is expected, the first time may have moved it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_a_group_with_this_version() {
    let bench = bench().await;
    for (cut, edit, before) in [(Cut::Before, "add", "1"), (Cut::Behind, "remove", "2"), (Cut::Behind, "add", "3")] {
        let Mutation { kind, action: Action::Modify { id, mut change, .. }, reply } = members(edit, "g1", &["u1"])
        else {
            panic!("members are modified")
        };
        if let Change::Known(change) = &mut change {
            change.record.id = format!("{edit} to {before}");
        }
        let expect = Expect::Version(vec![Version::new(before)]);
        let mutation = Mutation { kind, action: Action::Modify { id, change, expect }, reply };
        let outcome = bench.cut(cut, ALONE, vec![mutation.clone()]).await.remove(0).unwrap();
        let after = (before.parse::<u32>().unwrap() + 1).to_string();
        assert_eq!((outcome.effect, outcome.version.as_str()), (Effect::Changed, after.as_str()));
        // Another one with the old version is stale, and said to be.
        let Action::Modify { id, change: Change::Known(mut change), expect } = mutation.action else { panic!() };
        change.record.id = "late".into();
        let action = Action::Modify { id, change: Change::Known(change), expect };
        let error = bench.cut(cut, ALONE, vec![Mutation { action, ..mutation }]).await.remove(0).unwrap_err();
        assert!(matches!(error.kind, StoreErrorKind::Stale), "{error:?}");
        assert_eq!(bench.get("Group", "g1").await.unwrap().version.as_str(), after);
    }
}

/// What a consumer has acknowledged meanwhile is no longer in the change log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_it_was_read_back() {
    let bench = bench().await;
    // A consumer that is quicker than can be.
    for sql in [
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO consumer AS c VALUES ('quick', NEW.position)
             ON CONFLICT (name) DO UPDATE SET upto = greatest(c.upto, NEW.position);
           DELETE FROM change WHERE position <= NEW.position;
           RETURN NULL;
         END $$",
        "CREATE TRIGGER swallow AFTER INSERT ON change FOR EACH ROW EXECUTE FUNCTION swallow()",
    ] {
        bench.database.run(sql).unwrap();
    }
    let renamed = |name: &str| Mutation { reply: Some(Select::document()), ..replace("User", "u1", &user(name)) };
    let outcome = bench.cut(Cut::Behind, ALONE, vec![renamed("other")]).await.remove(0).unwrap();
    assert_eq!((outcome.effect, outcome.version.as_str()), (Effect::Changed, "2"));
    refused(&bench.cut(Cut::Before, ALONE, vec![renamed("third")]).await);
    assert_eq!(bench.get("User", "u1").await.unwrap().version.as_str(), "2");
    refused(&bench.cut(Cut::Before, COMMIT, vec![delete("User", "u1")]).await);
    // It is gone, and nothing tells by whose hand.
    let error = bench.cut(Cut::Behind, COMMIT, vec![delete("User", "u1")]).await.remove(0).unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Uncertain), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches() {
    let bench = bench().await;
    // Those of one type are one statement, those of several types a transaction.
    for (at, creations) in [
        (ALONE, vec![create("User", "b1", &user("b1")), create("User", "b2", &user("b2"))]),
        (COMMIT, vec![create("User", "b3", &user("b3")), create("Group", "b4", r#"{"displayName":"B"}"#)]),
    ] {
        refused(&bench.cut(Cut::Before, at, creations.clone()).await);
        assert!(bench.get("User", "b3").await.is_none());
        assert_eq!(effects(bench.cut(Cut::Behind, at, creations).await), [Effect::Created; 2]);
    }
    assert!(bench.get("User", "b2").await.is_some() && bench.get("Group", "b4").await.is_some());
    // One of them is refused, which is told all the same.
    let mixed =
        || vec![replace("User", "b1", &user("x1")), replace("User", "nobody", &user("y")), delete("User", "b2")];
    refused(&bench.cut(Cut::Before, COMMIT, mixed()).await);
    assert_eq!(bench.get("User", "b1").await.unwrap().version.as_str(), "1");
    let answers = bench.cut(Cut::Behind, COMMIT, mixed()).await;
    assert!(matches!(&answers[1], Err(error) if matches!(error.kind, StoreErrorKind::NotFound)), "{answers:?}");
    assert_eq!(answers[0].as_ref().unwrap().version.as_str(), "2");
    assert_eq!(answers[2].as_ref().unwrap().effect, Effect::Deleted);
    assert_eq!(bench.get("User", "b1").await.unwrap().version.as_str(), "2");
    assert!(bench.get("User", "b2").await.is_none());
}

/// Gives a user another document; its line of the change log has an id of its own, as all have outside of tests.
#[derive(Debug)]
struct Renames {
    record: String,
    document: String,
}

impl Resolve for Renames {
    fn reads(&self) -> &Select {
        static READS: LazyLock<Select> = LazyLock::new(Select::document);
        &READS
    }

    fn resolve(&self, now: &Record) -> std::result::Result<Option<ChangeSet>, ScimError> {
        let mut change = change(&rt("User"), Some(&now.document), &self.document, Verb::Replace);
        change.record.id.clone_from(&self.record);
        Ok(Some(change))
    }
}

/// Asks for all at the same time: the first finds nobody before it and goes alone, the others are done together, and their statement
/// is cut.
async fn together(
    bench: &Bench,
    cut: Cut,
    ids: &[String; 3],
    each: impl Fn(&String) -> Mutation,
) -> Vec<Result<Outcome>> {
    bench.proxy.arm(cut, ALONE, &[&ids[1], &ids[2]]);
    let answers = join_all(ids.iter().map(|id| bench.commit(vec![each(id)]))).await;
    assert!(bench.proxy.has_cut(), "nothing was written together");
    let answers: Vec<_> = answers.into_iter().flatten().collect();
    assert!(answers[0].is_ok(), "{answers:?}");
    if cut == Cut::Before {
        refused(&answers[1..]);
    }
    answers
}

const CUTS: [(Cut, &str); 3] = [(Cut::Before, "lost"), (Cut::Behind, "done"), (Cut::Ended, "ended")];

/// Each learns what became of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creations_that_are_written_together() {
    let bench = bench().await;
    for (cut, round) in CUTS {
        let ids = ["a", "b", "c"].map(|id| format!("{round} {id}"));
        let created = |id: &String| Mutation { reply: Some(Select::document()), ..create("User", id, &user(id)) };
        for (id, answer) in ids.iter().zip(together(&bench, cut, &ids, created).await) {
            let now = bench.get("User", id).await;
            assert_eq!(now.is_some(), cut != Cut::Before || *id == ids[0], "{id}");
            let Some(now) = now else { continue };
            let outcome = answer.unwrap();
            assert_eq!((outcome.effect, &outcome.version), (Effect::Created, &now.version), "{id}");
            assert_eq!(outcome.record.unwrap().document, now.document);
        }
    }
}

/// Each learns what became of its own, which is done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_without_a_lock_that_are_written_together() {
    let bench = bench().await;
    for (cut, round) in CUTS {
        let ids = ["a", "b", "c"].map(|id| format!("{round} {id}"));
        for id in &ids {
            bench.commit(vec![create("User", id, &user(id))]).await.remove(0).unwrap();
        }
        let renamed = |id: &String| {
            let renames = Renames { record: format!("renamed {id}"), document: user(&format!("renamed {id}")) };
            Mutation { reply: Some(Select::document()), ..modify("User", id, Change::Of(Arc::new(renames))) }
        };
        for (id, answer) in ids.iter().zip(together(&bench, cut, &ids, renamed).await) {
            let now = bench.get("User", id).await.unwrap();
            if cut == Cut::Before && *id != ids[0] {
                assert_eq!((now.version.as_str(), now.document.as_str()), ("1", user(id).as_str()));
                continue;
            }
            let outcome = answer.unwrap();
            assert_eq!((outcome.effect, outcome.version.as_str(), now.version.as_str()), (Effect::Changed, "2", "2"));
            assert_eq!(outcome.record.unwrap().document, now.document);
        }
    }
}

/// What the server says at its end may come behind a COMMIT that went through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_says_at_its_end() {
    let bench = bench().await;
    let done = [
        (ALONE, create("User", "u2", &user("u2")), Effect::Created),
        (ALONE, replace("User", "u1", &user("other")), Effect::Changed),
        (COMMIT, delete("User", "u1"), Effect::Deleted),
    ];
    for (at, mutation, effect) in done {
        assert_eq!(effects(bench.cut(Cut::Ended, at, vec![mutation]).await), [effect]);
    }
}
