//! The invariants of the workspace that no compiler keeps: who may depend on whom, who may know an HTTP status or a
//! backend's name, how long a file may be. Each rule is a function from text to complaints, and is shown to complain.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers included")]

mod rust_text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rust_text::{test_modules, without_comments, without_tests};
use scim_core::limits::Limits;

/// Runtimes, web frameworks and data systems: nothing of it may be reached from `scim-core`.
const NOT_IN_CORE: &[&str] = &[
    "actix",
    "async-std",
    "axum",
    "diesel",
    "hyper",
    "ldap3",
    "libpq-sys",
    "libsqlite3-sys",
    "mio",
    "postgres",
    "reqwest",
    "rusqlite",
    "smol",
    "sqlx",
    "tokio",
    "tower",
    "warp",
];

/// The statuses that `scim-core/src/error.rs` gives names to.
const STATUSES: &[&str] = &[
    "200", "201", "204", "304", "400", "401", "403", "404", "405", "406", "408", "409", "412", "413", "414", "415",
    "428", "429", "431", "500", "501", "503",
];

/// Statuses that are also round numbers: a status only where the line speaks of one.
const ROUND: &[&str] = &["200", "400", "500"];

/// What a backend may be called.
const BACKENDS: &[&str] = &["sqlite", "postgres", "ldap"];

/// Lines of a source file.
const LONGEST: usize = 700;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// A source file: its path from the root, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

/// Every Rust file of the workspace's crates.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for member in members(&read("Cargo.toml")) {
        let mut folders = vec![root().join(member)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("target") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    let shown = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                    found.push(Source { path: shown, text });
                }
            }
        }
    }
    assert!(found.len() > 30, "the workspace has more than {} files", found.len());
    found
}

fn members(manifest: &str) -> Vec<String> {
    let list = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What is compiled into the product: no tests, no benches, no modules that are there for tests only.
fn product(all: &[Source]) -> Vec<(&str, String)> {
    let of_tests = all.iter().flat_map(|source| test_modules(&source.path, &source.text)).collect::<BTreeSet<_>>();
    let below_tests = |path: &str| {
        let folder = |module: &String| module.trim_end_matches("/mod.rs").trim_end_matches(".rs").to_owned() + "/";
        of_tests.iter().any(|module| path.starts_with(&folder(module)))
    };
    let for_product = |path: &String| path.contains("/src/") && !of_tests.contains(path) && !below_tests(path);
    all.iter()
        .filter(|source| for_product(&source.path))
        .map(|source| (source.path.as_str(), without_tests(&without_comments(&source.text))))
        .collect()
}

fn none(rule: &str, complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{rule}:\n  {}", complaints.join("\n  "));
}

// What scim-core may depend on.

/// Package → its dependencies, from a Cargo.lock. Two versions of one package count as one: their trees are joined.
fn locked(lock: &str) -> BTreeMap<String, Vec<String>> {
    let mut packages = BTreeMap::<String, Vec<String>>::new();
    for package in lock.split("[[package]]").skip(1) {
        let name = package.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap().trim_end_matches('"');
        let listed = package.split_once("\ndependencies = [").map_or("", |(_, list)| list.split(']').next().unwrap());
        let names = listed.split('"').skip(1).step_by(2).map(|one| one.split(' ').next().unwrap().to_owned());
        packages.entry(name.to_owned()).or_default().extend(names);
    }
    packages
}

/// The dependencies that a crate's manifest names for its product.
fn direct(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies") && !line.contains("dev-dependencies");
        } else if let (true, Some((name, _))) = (inside, line.split_once('=')) {
            found.push(name.trim().split('.').next().unwrap().to_owned());
        }
    }
    found
}

fn reached(lock: &str, from: &[String]) -> BTreeSet<String> {
    let packages = locked(lock);
    let mut seen = BTreeSet::new();
    let mut waiting = from.to_vec();
    while let Some(name) = waiting.pop() {
        waiting.extend(packages.get(&name).into_iter().flatten().filter(|next| !seen.contains(*next)).cloned());
        seen.insert(name);
    }
    seen
}

fn foreign(lock: &str, manifest: &str) -> Vec<String> {
    let denied = |name: &&String| {
        NOT_IN_CORE.iter().any(|no| *name == no || name.strip_prefix(no).is_some_and(|more| more.starts_with('-')))
    };
    reached(lock, &direct(manifest)).iter().filter(denied).cloned().collect()
}

#[test]
fn the_core_depends_on_no_runtime_web_or_database_crate() {
    let lock = read("Cargo.lock");
    let core = read("scim-core/Cargo.toml");
    assert!(reached(&lock, &direct(&core)).contains("serde_core"), "a dependency of a dependency");
    none("scim-core must build without these", foreign(&lock, &core));
    assert!(foreign(&lock, "[dependencies]\nactix-web = \"4\"\n").contains(&"tokio".to_owned()), "the rule bites");
    assert!(foreign(&lock, "[dev-dependencies]\nactix-web = \"4\"\n").is_empty());
}

#[test]
fn backends_know_the_core_and_nobody_else() {
    let own = members(&read("Cargo.toml"));
    let known = |name: &str| {
        let named = direct(&read(format!("{name}/Cargo.toml")));
        named.into_iter().filter(|one| own.contains(one)).collect::<Vec<_>>()
    };
    for name in &own {
        let allowed: &[&str] = match name.as_str() {
            "scim-core" => &[],
            "scim-server" => continue,
            _ => &["scim-core"],
        };
        let strange = known(name).into_iter().filter(|other| !allowed.contains(&other.as_str())).collect();
        none(&format!("{name} must not know these"), strange);
    }
    assert!(known("scim-server").contains(&"scim-core".to_owned()), "manifests are read");
}

// Who may know an HTTP status.

/// The numbers of a line that are statuses and stand by themselves.
fn numbers(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').filter(|word| STATUSES.contains(word))
}

fn statuses(path: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (n, line) in code.lines().enumerate() {
        let lower = line.to_ascii_lowercase();
        let speaks = ["status", "http", "scimerror", "errorkind"].iter().any(|word| lower.contains(word));
        let known = numbers(&line.replace("\\u{", "_")).any(|number| speaks || !ROUND.contains(&number));
        if known || line.contains("StatusCode") {
            found.push(format!("{path}:{}: {}", n + 1, line.trim()));
        }
    }
    found
}

#[test]
fn http_statuses_stand_in_the_server_and_in_the_table_of_errors_only() {
    let all = sources();
    let knows = |path: &str| {
        path.starts_with("scim-server/") || path.starts_with("conformance-tests/") || path == "scim-core/src/error.rs"
    };
    let found = product(&all).into_iter().filter(|(path, _)| !knows(path));
    none("use ErrorKind and Done instead", found.flat_map(|(path, code)| statuses(path, &code)).collect());
    for bad in ["if code == 404 {", "\"409\"", "Kind::Taken => 409,", "let status = 200;", "StatusCode::OK"] {
        assert_eq!(statuses("x", bad).len(), 1, "{bad}");
    }
    for good in ["const BATCH: usize = 500;", "\"40001\"", "x4040", "\"\\u{404}\"", "1.404", "limit(4_096)"] {
        assert!(statuses("x", good).is_empty(), "{good}");
    }
}

// Who may name a backend.

fn backend_names(path: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (n, line) in code.lines().enumerate() {
        let bare = line.trim();
        let declares = bare.starts_with("#[cfg(") || bare.starts_with("mod ") || bare.starts_with("pub mod ");
        let lower = line.to_ascii_lowercase();
        if !declares && BACKENDS.iter().any(|name| lower.contains(name)) {
            found.push(format!("{path}:{}: {bare}", n + 1));
        }
    }
    found
}

/// The factory table; of each backend, the file that opens it and the file of its settings; the format it brings; and the launchers of the
/// systems that tests run on.
fn may_name_a_backend(path: &str) -> bool {
    path.starts_with("backend-")
        || path.starts_with("conformance-tests/src/servers/")
        || path == "scim-server/src/backends.rs"
        || path == "scim-server/src/ldif.rs"
        || BACKENDS.iter().any(|name| {
            path == format!("scim-server/src/{name}.rs") || path == format!("scim-server/src/config/{name}.rs")
        })
}

#[test]
fn backends_are_named_in_the_factory_table_only() {
    let all = sources();
    let found = product(&all).into_iter().filter(|(path, _)| !may_name_a_backend(path));
    let found = found.flat_map(|(path, code)| backend_names(path, &code)).collect();
    none("ask Capabilities, or the table in backends.rs", found);
    for bad in ["\"sqlite\" => open(),", "use backend_postgres::Store;", "if name == \"ldap\" {"] {
        assert_eq!(backend_names("x", bad).len(), 1, "{bad}");
    }
    assert!(backend_names("x", "#[cfg(feature = \"sqlite\")]\npub mod sqlite;\nstore.open()").is_empty());
}

// Files.

#[test]
fn a_file_holds_one_idea_and_says_which() {
    let all = sources();
    let long = all.iter().filter(|source| source.text.lines().count() > LONGEST);
    none("split these", long.map(|source| source.path.clone()).collect());
    let silent = all.iter().filter(|source| !source.text.starts_with("//! "));
    none("start these with a //! line", silent.map(|source| source.path.clone()).collect());
}

fn limits_not_in(guide: &str) -> Vec<String> {
    let limits = serde_json::to_value(Limits::default()).unwrap();
    let row = |(name, default): (&String, &serde_json::Value)| format!("| `{name}` | {default} |");
    limits.as_object().unwrap().iter().map(row).filter(|row| !guide.contains(row)).collect()
}

#[test]
fn every_limit_is_in_the_operators_guide_with_its_default() {
    let guide = read("docs/operating.md");
    none("docs/operating.md lacks these rows", limits_not_in(&guide));
    assert_eq!(limits_not_in(&guide.replace("`json_depth` |", "`json_deepness` |")).len(), 1, "the rule bites");
}

// Ids that comments refer to.

/// The words of comments that look like an id: this many digits behind one of these letters.
fn ids_in_comments(text: &str, letters: &str, digits: std::ops::RangeInclusive<usize>) -> BTreeSet<String> {
    let is_id = |word: &&str| {
        let mut rest = word.chars();
        rest.next().is_some_and(|first| letters.contains(first))
            && digits.contains(&rest.as_str().len())
            && rest.all(|digit| digit.is_ascii_digit())
    };
    let comments = text.lines().map(str::trim).filter(|line| line.starts_with("//"));
    comments.flat_map(|line| line.split(|c: char| !c.is_alphanumeric())).filter(is_id).map(str::to_owned).collect()
}

/// The ids in the first column of a document's tables.
fn ids_in_tables(document: &str, letters: &str) -> BTreeSet<String> {
    let cell = |line: &str| line.strip_prefix("| ")?.split(' ').next().map(str::to_owned);
    let is_id =
        |cell: &String| cell.starts_with(|c| letters.contains(c)) && cell.ends_with(|c: char| c.is_ascii_digit());
    document.lines().filter_map(cell).filter(is_id).collect()
}

#[test]
fn threats_named_in_comments_are_explained_and_those_explained_are_named() {
    let named: BTreeSet<_> = sources().iter().flat_map(|file| ids_in_comments(&file.text, "ABCDEF", 2..=2)).collect();
    let explained = ids_in_tables(&read("docs/threats.md"), "ABCDEF");
    none("docs/threats.md does not explain these", named.difference(&explained).cloned().collect());
    none("no comment names these threats of docs/threats.md", explained.difference(&named).cloned().collect());
    assert_eq!(
        ids_in_comments("let a = A01;\n/// (threats A02, B7; 7643-A03)\n", "AB", 2..=2).len(),
        2,
        "the rule bites"
    );
}

#[test]
fn rules_of_tolerance_named_in_comments_are_explained() {
    let named: BTreeSet<_> = sources().iter().flat_map(|file| ids_in_comments(&file.text, "R", 1..=2)).collect();
    let explained = ids_in_tables(&read("docs/clients.md"), "R");
    assert!(named.len() > 5, "rules are named: {named:?}");
    none("docs/clients.md does not explain these", named.difference(&explained).cloned().collect());
}

// Links of documents.

/// Every document: those at the root, and those below `docs`.
fn documents() -> Vec<PathBuf> {
    let below = |folder: &str| fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let all = ["", "docs", "docs/decisions"].into_iter().flat_map(below);
    all.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// What a heading is called in links: in small letters, without punctuation, with hyphens for blanks.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The links of a document that lead to no file, or to no heading in it.
fn astray(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let links = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    let leads = |link: &&str| {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let file = if file.is_empty() { document.to_owned() } else { document.parent().unwrap().join(file) };
        let has = |text: String| text.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
        file.exists() && (heading.is_empty() || fs::read_to_string(&file).is_ok_and(has))
    };
    let inside = links.filter(|link| !link.starts_with("https://"));
    inside.filter(|link| !leads(link)).map(|link| format!("{}: {link}", document.display())).collect()
}

#[test]
fn links_of_documents_lead_somewhere() {
    let all = documents();
    assert!(all.len() > 30, "documents are found");
    none("these links lead nowhere", all.iter().flat_map(|document| astray(document)).collect());
    assert_eq!(anchor("## Every setting of `[store.ldap]`"), "every-setting-of-storeldap");
}
