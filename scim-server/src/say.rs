//! What commands say on standard output. A reader that went away (`| head`) ends the command quietly.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Writes a line to standard output.
pub fn say(text: impl AsRef<str>) -> io::Result<()> {
    line(&mut io::stdout().lock(), text.as_ref())
}

/// Writes a line to standard error.
pub fn complain(text: impl AsRef<str>) {
    // Nobody is left to tell.
    let _ = line(&mut io::stderr().lock(), text.as_ref());
}

/// Is this error only a reader that went away?
pub fn reader_left(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|one| one.kind() == ErrorKind::BrokenPipe)
}

fn line(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A bar on standard error, where that is a terminal.
pub fn bar(length: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}")
        && length.is_some()
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Rows under a heading, in columns. Control characters, which a name could hold, are shown escaped.
pub fn columns(heading: &[&str], rows: &[Vec<String>]) -> String {
    let clean = |cell: &str| -> String {
        cell.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
    };
    let mut all = vec![heading.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()];
    all.extend(rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()));
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths = (0..heading.len()).map(|column| width(column).unwrap_or(0)).collect::<Vec<_>>();
    let lines = all.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
