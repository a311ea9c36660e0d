//! Settings as operators write them: what is refused, and in which words.

use std::collections::HashMap;
use std::path::Path;

use super::*;
use crate::backends;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scim-server.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Settings::load(&Sources { file: Some(path), environment: Some(environment) }, &test_backends())
}

/// The tests of configuration need a backend with keys, and none that opens.
fn test_backends() -> Vec<Factory> {
    let mut all = backends::built_in();
    if all.is_empty() {
        all.push(Factory {
            name: "sqlite",
            keys: keys::defaults::<sqlite::SqliteSettings>,
            keeps_control: true,
            begun: |_| Ok(false),
            open: |_, _, _| Box::pin(async { anyhow::bail!("not here") }),
            restore: None,
        });
    }
    all
}

#[track_caller]
fn refuses(file: &str, environment: &[(&str, &str)], parts: &[&str]) {
    let error = format!("{:#}", load(file, environment).unwrap_err());
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[test]
fn without_a_file_the_defaults_are_those_of_the_product() {
    let sources = Sources { file: None, environment: Some(HashMap::new()) };
    let settings = Settings::load(&sources, &test_backends()).unwrap();
    assert_eq!(settings.server.listen, "127.0.0.1:8080");
    assert_eq!(settings.server.public_url(None), "http://127.0.0.1:8080");
    assert_eq!(settings.store.backend, "sqlite");
    assert_eq!(settings.store.selected().read::<sqlite::SqliteSettings>().unwrap().path, Path::new("scim.db"));
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.log.level, "info");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let sources = Sources { file: Some("/nonexistent/x.toml".into()), environment: None };
    assert!(Settings::load(&sources, &[]).unwrap_err().to_string().contains("no such file"));
}

/// What keeps no tenants cannot stand where they are kept.
#[cfg(feature = "ldap")]
#[test]
fn a_directory_is_no_control_store() {
    refuses("[control]\nbackend = \"ldap\"", &[], &["control.backend = \"ldap\"", "[[tokens]]"]);
    refuses("[control]\nbackend = \"ldap\"\n[control.ldap]\nurls = [\"x\"]", &[], &["keeps no tenants"]);
}

#[test]
fn the_environment_wins_and_writes_lists_with_commas() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\n[limits]\npage = 50\n[store.sqlite]\npath = \"a.db\"";
    let settings = load(
        file,
        &[
            ("SCIM__SERVER__LISTEN", "127.0.0.1:2"),
            ("SCIM__SERVER__TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16"),
            ("SCIM__SERVER__OPEN_DISCOVERY", "true"),
            ("SCIM__STORE__SQLITE__INDEX", "title,userType"),
            ("SCIM__LIMITS__RATE", "25"),
            ("SCIM_BOOTSTRAP_TOKEN", "not a setting"),
            ("OTHER", "x"),
        ],
    )
    .unwrap();
    assert_eq!(settings.server.listen, "127.0.0.1:2");
    assert_eq!(settings.server.trusted().unwrap().len(), 2);
    assert!(settings.server.open_discovery);
    assert_eq!((settings.limits.page, settings.limits.rate), (50, 25));
    let sqlite = settings.store.selected().read::<sqlite::SqliteSettings>().unwrap();
    assert_eq!((sqlite.path.as_path(), sqlite.index.len()), (Path::new("a.db"), 2));
}

#[test]
fn what_differs_between_two_settings_is_named() {
    let one = "[server]\nlisten = \"a\"\n# public_url =\n\n[limits]\nbody = 1\npage = 2\n";
    let other = "[server]\nlisten = \"a\"\npublic_url = \"x\"\n\n[limits]\nbody = 1\npage = 3\n";
    assert_eq!(super::show::differing(one, other), ["limits.page", "server.public_url"]);
    assert!(super::show::differing(one, one).is_empty());
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_known_one() {
    refuses("[server]\nlisen = \"x\"", &[], &["server.lisen", "did you mean server.listen?", "scim-server.toml"]);
    refuses("[sever]\nlisten = \"x\"", &[], &["sever", "did you mean server?"]);
    refuses("[server.tls]\ncetr = \"x\"", &[], &["server.tls.cetr", "did you mean server.tls.cert?"]);
    refuses("[limits]\nrequst_time = 3", &[], &["did you mean limits.request_time?"]);
    refuses("[store.sqlite]\npaht = \"x\"", &[], &["did you mean store.sqlite.path?"]);
    refuses("[[schemas]]\nfil = \"x\"", &[], &["did you mean schemas.file?"]);
    refuses("[server]\nxyzzy = 1", &[], &["server.xyzzy", "known here: ", "listen"]);
    refuses("", &[("SCIM__SERVER__LISEN", "x")], &["SCIM__SERVER__LISEN", "did you mean server.listen?"]);
}

#[test]
fn a_value_that_does_not_fit_is_told_with_its_mend() {
    refuses("[server]\nlisten = \"nowhere\"", &[], &["server.listen", "nowhere", "such as 127.0.0.1:8080"]);
    refuses("[server]\nlisten = \"0.0.0.0:8080\"", &[], &["server.listen", "insecure_http = true", "server.tls.cert"]);
    refuses("[server]\npublic_url = \"ftp://x\"", &[], &["server.public_url", "https://"]);
    // 7644-1.3-01: the base has no query part.
    refuses("[server]\npublic_url = \"https://x/?a=b\"", &[], &["server.public_url", "?"]);
    refuses("[server]\npublic_url = \"https://u:p@x\"", &[], &["user name or password"]);
    refuses("[server]\ntrusted_proxies = [\"proxy\"]", &[], &["trusted_proxies", "proxy"]);
    refuses("[server.tls]\ncert = \"c.pem\"", &[], &["server.tls.key"]);
    refuses("[server.tls]\nclient_auth = \"required\"", &[], &["need TLS"]);
    refuses("[server.tls]\nclient_auth = \"maybe\"", &[], &["maybe", "optional"]);
    refuses("[log]\nlevel = \"loud\"\nformat = \"xml\"", &[], &["xml", "json"]);
    refuses("[limits]\nbody = 1", &[], &["limits.body", "at least 1024"]);
    refuses("[limits]\npage = 10\npage_max = 5", &[], &["limits.page_max", "at least 10"]);
    refuses("[limits]\nbody = \"big\"", &[], &["[limits]", "big"]);
    refuses("[limits]\njson_depth = 1000", &[], &["limits.json_depth", "at most 100"]);
    refuses("server = 3", &[], &["server must be a table"]);
    refuses("[control]\n", &[], &["control.backend"]);
    refuses("", &[("SCIM__SCHEMAS", "a.json")], &["schemas", "file only"]);
    refuses("[server", &[], &["scim-server.toml"]);
}

#[test]
fn plain_http_beyond_loopback_is_for_who_asks_for_it() {
    assert!(load("[server]\nlisten = \"0.0.0.0:8080\"\ninsecure_http = true", &[]).is_ok());
    assert!(load("[server]\nlisten = \"0.0.0.0:8443\"\n[server.tls]\ncert = \"c\"\nkey = \"k\"", &[]).is_ok());
    assert!(load("[server]\nlisten = \"[::1]:8080\"", &[]).is_ok());
}

#[test]
fn a_backend_that_is_not_in_the_build_is_told_when_it_is_selected() {
    let settings = load("[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"ldap://x\"]", &[]).unwrap();
    let others = test_backends().into_iter().filter(|backend| backend.name != "ldap").collect::<Vec<_>>();
    let error = backends::find(&settings.store, &others).unwrap_err().to_string();
    assert!(error.contains("store.backend") && error.contains("this build has no backend \"ldap\""), "{error}");
    assert!(error.contains("sqlite"), "{error}");
    assert!(load("[store.ldap.users]\nbase = \"x\"", &[]).is_ok());
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let secret = "0123456789abcdef0123456789abcdef";
    std::fs::write(&path, format!("{secret}\n")).unwrap();
    let table = |rest: &str| format!("[[tokens]]\nname = \"n\"\ntenant = \"t\"\nscope = [\"users:read\"]\n{rest}\n");
    let from_file = format!("token_file = {:?}", path.display().to_string());
    let settings = load(&table(&from_file), &[]).unwrap();
    assert_eq!(settings.tokens[0].token, secret);
    assert!(!format!("{settings:?}").contains(secret), "Debug shows no secret");
    assert!(!show::toml(&settings, &test_backends()).contains(secret), "the effective settings show no secret");
    refuses(&table(&format!("{from_file}\ntoken = \"x\"")), &[], &["tokens.token", "both set"]);
    refuses(&table("token_file = \"/nonexistent/x\""), &[], &["tokens.token_file", "cannot read it"]);
    refuses(&table("token = \"short\""), &[], &["at least 32"]);
    refuses(&table(""), &[], &["tokens.token is empty"]);
}

#[test]
#[cfg(feature = "postgres")]
fn what_leads_to_a_database_is_shown_without_its_password() {
    let check = |url: &str, shown: &str| {
        let file = format!("[store]\nbackend = \"postgres\"\n[store.postgres]\nurl = \"{url}\"\npassword = \"Secret\"");
        let settings = load(&file, &[]).unwrap();
        let printed = show::toml(&settings, &test_backends());
        assert!(printed.contains(&format!("url = \"{shown}\"")), "{printed}");
        assert!(!printed.contains("Secret") && !format!("{settings:?}").contains("Secret"), "{printed}");
        assert_eq!(settings.store.selected().read::<postgres::PostgresSettings>().unwrap().url, url);
    };
    check("postgres://scim@db/scim", "postgres://scim@db/scim");
    check(
        "postgres://scim:Secret@db:5433/scim?sslmode=require",
        "postgres://scim:********@db:5433/scim?sslmode=require",
    );
    check("postgres://scim@db/scim?password=Secret", "********");
    check("host=db user=scim password=Secret", "********");
    refuses("[store.postgres]\nurl = \"x\"\nconections = 3", &[], &["did you mean store.postgres.connections?"]);
}

#[test]
fn what_is_printed_can_be_read_back() {
    let file = "[server]\nlisten = \"127.0.0.1:2\"\ntrusted_proxies = [\"10.0.0.1\"]\n[limits]\npage = 7\n\
                [store.sqlite]\npath = \"a b.db\"\nindex = [\"title\"]";
    let settings = load(file, &[]).unwrap();
    let printed = show::toml(&settings, &test_backends());
    let again = load(&printed, &[]).unwrap();
    assert_eq!(show::toml(&again, &test_backends()), printed);
    assert_eq!((again.limits.page, again.server.listen.as_str()), (7, "127.0.0.1:2"));
}

#[test]
fn the_operators_guide_lists_every_key() {
    let guide = include_str!("../../../docs/operating.md");
    let directories = include_str!("../../../docs/ldap.md");
    let shape = keys::shape(&test_backends());
    let mut open = vec![(String::new(), &shape)];
    while let Some((path, value)) = open.pop() {
        match value {
            serde_json::Value::Object(keys) => {
                let named = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                open.extend(keys.iter().map(|(key, inner)| (named(key), inner)));
            }
            serde_json::Value::Array(elements) if elements.iter().any(serde_json::Value::is_object) => {
                open.extend(elements.iter().map(|element| (path.clone(), element)));
            }
            // Limits have a table of their own, which another test holds to the defaults.
            _ if path.starts_with("limits.") => {}
            // A directory keeps no tenants; and it has a page of its own.
            _ if path.starts_with("store.ldap.") => {
                let name = path.rsplit('.').next().unwrap_or_default();
                assert!(directories.contains(name), "{path} is not in docs/ldap.md");
            }
            _ => assert!(guide.contains(&format!("`{path}`")), "{path} is not in docs/operating.md"),
        }
    }
}
