//! The README's own lines, run as they are printed: only the address and the name of the binary differ.

use std::process::Command;

use crate::support::Running;

#[test]
fn the_lines_of_the_readme_work_as_printed() {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("```sh\n").unwrap();
    let (script, _) = rest.split_once("```").unwrap();
    let server = Running::start();
    let command = format!("'{}' --config '{}'", env!("CARGO_BIN_EXE_scim-server"), server.config().display());
    let script = script
        .replace("cargo run --release --quiet --", &command)
        .replace("127.0.0.1:8080", &server.address.to_string());
    assert!(script.contains("token create"), "the block that makes a token comes first");
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in ["\"totalResults\":1", "\"title\":\"Tour Guide\"", "\"display\":\"Tour Guides\"", "204\n"] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    assert!(!said.contains("messages:2.0:Error"), "{said}");
}
