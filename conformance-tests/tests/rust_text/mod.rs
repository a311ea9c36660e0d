//! Just enough of Rust's grammar to tell code from comments, and the product from its tests.

/// The files that `#[cfg(test)] mod name;` in this file brings in.
pub fn test_modules(path: &str, text: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap();
    let stem = file.trim_end_matches(".rs");
    let below = if matches!(stem, "mod" | "lib" | "main") { folder.to_owned() } else { format!("{folder}/{stem}") };
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            continue;
        }
        let mut given = None;
        for line in lines.by_ref() {
            if let Some(path) = line.strip_prefix("#[path = \"") {
                given = path.split('"').next();
            } else if !line.starts_with("#[") {
                let name = line.strip_prefix("mod ").or_else(|| line.strip_prefix("pub(crate) mod "));
                if let Some(name) = name.and_then(|name| name.strip_suffix(';')) {
                    found.push(given.map_or_else(|| format!("{below}/{name}.rs"), |path| format!("{folder}/{path}")));
                    found.push(format!("{below}/{name}/mod.rs"));
                }
                break;
            }
        }
    }
    found
}

/// Blanks what `#[cfg(test)]` stands before: an item that ends at a `}` as deep as it began, or with its line. Relies
/// on the layout of rustfmt.
pub fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        kept.push('\n');
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let mut opened = false;
        for line in lines.by_ref() {
            kept.push('\n');
            opened |= line.trim_end().ends_with('{');
            if line.starts_with(&end) || (!opened && line.trim_end().ends_with([';', ','])) {
                break;
            }
        }
    }
    kept
}

/// Blanks comments; strings stay as they are, and lines keep their numbers.
pub fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (now, then) = rest.split_at(token(rest).max(c.len_utf8()));
        let comment = now.starts_with("//") || now.starts_with("/*");
        kept.extend(now.chars().filter(|c| !comment || *c == '\n'));
        rest = then;
    }
    kept
}

/// Length of the comment, string, character or word that `text` starts with; 0 where it starts with none.
fn token(text: &str) -> usize {
    let upto = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return upto("*/", 2);
    }
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return upto(&format!("\"{}", "#".repeat(hashes)), hashes + 2);
        }
    }
    let quote = match text.as_bytes() {
        [b'"', ..] => '"',
        [b'\'', b'\\', ..] | [b'\'', _, b'\'', ..] => '\'',
        // A whole word at once: its last letter must not look like the r of a raw string.
        [first, ..] if first.is_ascii_alphanumeric() => {
            return text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        }
        _ => return 0,
    };
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn comments_are_left_out_and_strings_are_not() {
    for (text, kept) in [
        ("a // 404\nb", "a \nb"),
        ("a /* 404\n */ b", "a \n b"),
        ("\"// 404\" // x", "\"// 404\" "),
        ("r#\"a\"// 404\"# // x", "r#\"a\"// 404\"# "),
        ("for x in r // 404", "for x in r "),
        ("'\"' // 404", "'\"' "),
        ("'\\'' // \"", "'\\'' "),
        ("fn a<'x>(b: &'x str) // \"", "fn a<'x>(b: &'x str) "),
        ("\"a\\\"// b\"", "\"a\\\"// b\""),
    ] {
        assert_eq!(without_comments(text), kept, "{text}");
    }
}

#[test]
fn tests_are_left_out_wherever_they_stand() {
    let kept = |code: &str| without_tests(code).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(kept("a\n#[cfg(test)]\nmod tests {\n    {\n    }\n}\nb\n"), "a b");
    assert_eq!(kept("    #[cfg(test)]\n    fn c() {\n        404\n    }\n    d\n"), "d");
    assert_eq!(kept("#[cfg(test)]\n#[path = \"x.rs\"]\nmod b;\nc\n"), "c");
    let text = "#[cfg(test)]\nmod b;\n#[cfg(test)]\n#[path = \"d.rs\"]\nmod e;\nmod f;\n";
    let found = test_modules("c/src/a.rs", text);
    assert_eq!(found, ["c/src/a/b.rs", "c/src/a/b/mod.rs", "c/src/d.rs", "c/src/a/e/mod.rs"]);
}
