//! When it cannot start it says why in one sentence and what to do, and leaves the file as it was; when the disk fails
//! under it, it says so to its clients and recovers.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use conformance_tests::session::{Session, user};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{PATIENCE, Program, Server, populate, scim_error, wait_until};

/// A folder with a database that has users in it, and nobody who serves it.
fn stopped() -> (TempDir, Program) {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::new(folder.path());
    let database = program.database();
    let mut server = Server::of(|fresh| fresh.with("SCIM__STORE__SQLITE__PATH", database.to_str().unwrap()));
    populate(&server.session(), 300, |n| format!("kept-{n}"));
    server.stop();
    (folder, program)
}

/// It does not start, says these words, and the file is as it was.
fn refuses(program: &Program, words: &[&str]) {
    let database = program.database();
    let before = fs::read(&database).ok();
    let said = program.refused();
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(before == fs::read(&database).ok(), "the file was changed");
    // A command beside is told the same, or works; it harms nothing either.
    let listed = program.run(&["tenant", "list"]);
    assert!(!String::from_utf8_lossy(&listed.stderr).contains("panicked"));
    assert!(before == fs::read(&database).ok(), "the file was changed by a command");
}

#[test]
fn a_database_that_is_missing_is_made_but_not_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::new(folder.path());
    refuses(
        &program.clone().with("SCIM__STORE__SQLITE__PATH", "no/such/folder/scim.db"),
        &["no/such/folder", "create it"],
    );
    let checked = program.clone().with("SCIM__STORE__SQLITE__PATH", "no/such/folder/scim.db").run(&["check-config"]);
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(!checked.status.success() && said.contains("store.sqlite.path") && said.contains("create it"), "{said}");
    refuses(&program.clone().with("SCIM__STORE__SQLITE__PATH", "."), &["directory"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::new(folder.path());
    for bytes in [b"hello".to_vec(), vec![0; 4_096], vec![0xa5; 100_000], b"SQLite format 3\0garbage".to_vec()] {
        fs::write(program.database(), &bytes).unwrap();
        refuses(&program, &["scim.db", "restore it from a backup"]);
    }
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::new(folder.path());
    let other = Connection::open(program.database()).unwrap();
    other.execute_batch("CREATE TABLE photos (id INTEGER PRIMARY KEY); INSERT INTO photos VALUES (1);").unwrap();
    drop(other);
    refuses(&program, &["another program", "store.sqlite.path"]);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let (_folder, program) = stopped();
    let newer = Connection::open(program.database()).unwrap();
    newer.pragma_update(None, "user_version", 4_711).unwrap();
    drop(newer);
    refuses(&program, &["newer scim-server", "4711", "upgrade"]);
}

#[test]
fn a_database_that_another_program_holds_is_left_alone() {
    let (_folder, program) = stopped();
    let before = fs::read(program.database()).unwrap();
    let holder = Connection::open(program.database()).unwrap();
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE mine (x);").unwrap();
    // Nothing here may open the file meanwhile: closing it again would give up the locks of this whole process.
    let said = program.refused();
    assert!(said.contains("locked by another program"), "{said}");
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    assert!(before == fs::read(program.database()).unwrap(), "the file was changed");
    serves(&program).has_all();
}

/// A server on the program's database.
fn serves(program: &Program) -> Server {
    let database = program.database();
    Server::of(|fresh| fresh.with("SCIM__STORE__SQLITE__PATH", database.to_str().unwrap()))
}

impl Server {
    /// The 300 of [`stopped`] are there.
    fn has_all(&self) {
        self.session().get("/Users?count=0").unwrap().is(200).unwrap().has("/totalResults", 300).unwrap();
    }
}

/// A server that was killed leaves its log beside the file; both together are the database.
#[test]
fn a_database_cut_short_or_scribbled_over_fails_clearly() {
    let (_folder, program) = stopped();
    let whole = fs::read(program.database()).unwrap();
    for length in [50, 1_000, 4_096, whole.len() / 2, whole.len() - 100] {
        fs::write(program.database(), &whole[..length]).unwrap();
        damaged(&program);
    }
    for (from, to) in [
        (0, 16),
        (16, 100),
        (100, 4_096),
        (4_096, 40_000),
        (whole.len() / 2, whole.len()),
        (whole.len() - 20_000, whole.len()),
    ] {
        let mut scribbled = whole.clone();
        scribbled[from..to].fill(0x5a);
        fs::write(program.database(), &scribbled).unwrap();
        damaged(&program);
    }
    fs::write(program.database(), &whole).unwrap();
    without_companions(&program);
    serves(&program).has_all();
}

/// A log that a killed server left belongs to the file as it was then.
fn without_companions(program: &Program) {
    for companion in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{companion}", program.database().display()));
    }
}

/// It refuses to start with a sentence, or it starts and answers each request, if need be with 500; it never dies.
fn damaged(program: &Program) {
    without_companions(program);
    let output = program.command(&["check-config"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    let log = program.folder().join("damaged-log");
    let mut child =
        program.command(&["serve"]).stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let mut ended = None;
    wait_until(PATIENCE, "it starts or says why not", || {
        ended = child.try_wait().unwrap();
        ended.is_some() || said().contains("serving")
    });
    if let Some(status) = ended {
        let said = said();
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(last.starts_with("scim-server: ") && !said.contains("panicked"), "{said}");
        return;
    }
    let said = said();
    let base = said.split_once("http://").unwrap().1.split_once("/scim/v2").unwrap().0.to_owned();
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {}", crate::support::TOKEN)),
        ("Content-Type".to_owned(), "application/scim+json".to_owned()),
    ];
    let client = conformance_tests::http::Client::default();
    for path in ["/Users", "/Users?count=1000", "/Users?sortBy=userName&count=1000", "/Groups", "/Users/x"] {
        let answer = client.send("GET", &format!("http://{base}/scim/v2{path}"), &headers, b"").unwrap();
        assert!(!answer.body.is_empty(), "{path}");
    }
    let body = user(json!({})).to_string();
    client.send("POST", &format!("http://{base}/scim/v2/Users"), &headers, body.as_bytes()).unwrap();
    assert!(child.try_wait().unwrap().is_none(), "it died: {said}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// As somebody who may not write; root may always, so it becomes somebody else.
#[cfg(unix)]
#[test]
fn a_database_that_cannot_be_written_is_left_alone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let (folder, program) = stopped();
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let root = fs::metadata(folder.path()).unwrap().uid() == 0;
    let before = fs::read(program.database()).unwrap();
    mode(&program.database(), 0o444);
    mode(folder.path(), 0o555);
    let mut command = program.command(&["serve"]);
    if root {
        // Where only root may go, the copy is in the folder.
        let copy = tempfile::tempdir().unwrap();
        mode(copy.path(), 0o755);
        let binary = copy.path().join("scim-server");
        fs::copy(env!("CARGO_BIN_EXE_scim-server"), &binary).unwrap();
        let mut other = Command::new(&binary);
        other
            .arg("serve")
            .current_dir(folder.path())
            .env("SCIM__SERVER__LISTEN", "127.0.0.1:0")
            .uid(65_534)
            .gid(65_534);
        let output = other.output().unwrap();
        read_only(&output, &program, &before);
    } else {
        read_only(&command.output().unwrap(), &program, &before);
    }
    mode(folder.path(), 0o755);
    mode(&program.database(), 0o600);
    serves(&program).has_all();
}

#[cfg(unix)]
fn read_only(output: &std::process::Output, program: &Program, before: &[u8]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be written") && said.contains("right to write"), "{said}");
    assert!(fs::read(program.database()).unwrap() == before);
}

/// No file may grow beyond so many blocks: what a full disk looks like to a process. Reading goes on, writing says 503.
#[test]
fn a_disk_that_takes_no_more_refuses_writes_and_serves_reads() {
    let mut server = Server::of(|program| program.by_shell("trap '' XFSZ; ulimit -f 1200; exec \"$@\""));
    let session = server.session();
    let made = fill(&session, 503);
    let seen = session.get("/Users?count=0").unwrap().is(200).unwrap();
    seen.has("/totalResults", made).unwrap();
    assert_eq!(
        (server.probe("/readyz"), server.probe("/healthz")),
        (Some(503), Some(200)),
        "who takes no writes is not ready"
    );
    server.kill();
    // With room again: everything that was acknowledged is there, and nothing of what was refused.
    let database = server.program().database();
    let mended = Server::of(|program| program.with("SCIM__STORE__SQLITE__PATH", database.to_str().unwrap()));
    mended.session().get("/Users?count=0").unwrap().is(200).unwrap().has("/totalResults", made).unwrap();
    mended.session().user(json!({})).unwrap();
}

/// What a disk cannot take is no fault of the lines of a file: the import ends, and goes on when there is room.
#[test]
fn an_import_ends_where_the_disk_takes_no_more_and_goes_on_later() {
    const LINES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::new(folder.path());
    program.done(&["tenant", "create", "acme"]);
    let line = |n| user(json!({"userName": format!("u{n}"), "title": "x".repeat(20_000)})).to_string() + "\n";
    fs::write(folder.path().join("users.jsonl"), (0..LINES).map(line).collect::<String>()).unwrap();
    let import = ["import", "users.jsonl", "--tenant", "acme"];
    let output = program.clone().by_shell("trap '' XFSZ; ulimit -f 1200; exec \"$@\"").run(&import);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the store failed") && said.contains("run the same command again"), "{said}");
    assert!(!folder.path().join("users.jsonl.refused.jsonl").exists(), "no line was refused");
    let said = program.done(&import);
    assert!(said.contains("200 resources of 200 lines"), "{said}");
    let count = program.done(&["export", "again.jsonl", "--tenant", "acme"]);
    assert!(count.contains("200 resources"), "{count}");
}

/// Creates users until that fails with this status ten times, and says how many there are.
fn fill(session: &Session, full: u16) -> usize {
    let (mut made, mut refused) = (0, 0);
    while refused < 10 {
        let answer = session.post("/Users", &user(json!({"title": "x".repeat(20_000)}))).unwrap();
        match answer.status {
            201 => made += 1,
            status if status == full => {
                refused += 1;
                assert!(answer.header("retry-after").is_some(), "{}", answer.tell());
                scim_error(answer);
            }
            _ => panic!("{}", answer.tell()),
        }
        assert!(made < 5_000, "the disk never fills");
    }
    made
}

/// A file system of a few megabytes, where the system lets us have one; it gets room again while the server runs.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_that_gets_room_again_is_written_again() {
    const MOUNT: &[&str] = &["unshare", "--user", "--map-root-user", "--mount"];
    let may = Command::new(MOUNT[0]).args(&MOUNT[1..]).arg("true").stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("this system gives no file system of one's own; the limit on file sizes stands for it");
        return;
    }
    let script = "mkdir -p small && mount -t tmpfs -o size=6m tmpfs small && head -c 3000000 /dev/zero > small/ballast && exec \"$@\"";
    let wrapper: Vec<_> = MOUNT.iter().copied().chain(["sh", "-c", script, "sh"]).collect();
    let mut server = Server::of(|program| program.by(&wrapper).with("SCIM__STORE__SQLITE__PATH", "small/scim.db"));
    let session = server.session();
    let made = fill(&session, 507);
    session.get("/Users?count=0").unwrap().is(200).unwrap().has("/totalResults", made).unwrap();
    assert_eq!(server.probe("/readyz"), Some(503), "there is no room");
    let inside = format!("/proc/{}/root{}/small/ballast", server.process(), server.program().folder().display());
    fs::remove_file(&inside).unwrap();
    assert_eq!(server.probe("/readyz"), Some(200), "there is room again");
    for _ in 0..5 {
        session.user(json!({})).unwrap();
    }
    session.get("/Users?count=0").unwrap().has("/totalResults", made + 5).unwrap();
    server.is_well();
}

/// Threats A09, secure default 2: a token that protects nothing is refused at the start.
#[test]
fn first_tokens_that_protect_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for token in ["", " ", "short", &"x".repeat(31), &" x".repeat(30)] {
        let program = Program::new(folder.path()).with("SCIM_BOOTSTRAP_TOKEN", token);
        let said = program.refused();
        assert!(said.contains("SCIM_BOOTSTRAP_TOKEN"), "{said}");
        assert!(token.len() < 20 || !said.contains(token), "{said}");
        let checked = program.run(&["check-config"]);
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(!checked.status.success() && said.contains("SCIM_BOOTSTRAP_TOKEN"), "{said}");
    }
}

#[test]
fn settings_that_are_wrong_are_named_with_their_mend() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, value: &str, words: &[&str]| {
        let said = Program::new(folder.path()).with(name, value).refused();
        for word in words {
            assert!(said.contains(word), "{name}={value}: {word:?} is not in: {said}");
        }
    };
    check("SCIM__SERVER__LISTEN", "0.0.0.0:0", &["server.listen", "insecure_http"]);
    check("SCIM__SERVER__LISTEN", "nowhere", &["server.listen", "nowhere"]);
    check("SCIM__SERVER__LISTNE", "x", &["listen"]);
    check("SCIM__LIMITS__BODY", "0", &["limits.body"]);
    check("SCIM__LIMITS__BODY", "much", &["body"]);
    check("SCIM__STORE__BACKEND", "oracle", &["oracle", "sqlite"]);
    check("SCIM__LOG__LEVEL", "loud", &["log.level"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    check("SCIM__SERVER__LISTEN", &taken.local_addr().unwrap().to_string(), &["cannot listen", "another server"]);
}

/// A backup that is damaged is refused, and what stands in its place stays.
#[test]
fn a_damaged_backup_is_not_restored() {
    let (_folder, program) = stopped();
    program.done(&["backup", "copy.db"]);
    let copy = program.folder().join("copy.db");
    let mut file = File::options().write(true).open(&copy).unwrap();
    file.seek(SeekFrom::Start(8_192)).unwrap();
    file.write_all(&[0x5a; 20_000]).unwrap();
    drop(file);
    let before = fs::read(program.database()).unwrap();
    let output = program.run(&["restore", "copy.db"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(program.database()).unwrap() == before);
    serves(&program).has_all();
}
