//! The table: what was measured, its floor, and whether the target is reached.

use std::fmt::Write as _;

use crate::measure::{Sample, Turns};

/// One line.
pub struct Line {
    pub work: String,
    pub measured: String,
    pub floor: String,
    pub reached: String,
    pub target: String,
    pub met: bool,
}

impl Line {
    /// A rate against a floor's rate: at least this share.
    pub fn share(work: &str, floor: &str, turns: &Turns, least: f64) -> Line {
        let ratio = turns.ratio();
        Line {
            work: work.into(),
            measured: sample(&turns.subject),
            floor: format!("{floor}: {}/s", number(turns.floor.rate())),
            reached: format!("{ratio:.2}"),
            target: format!("at least {least:.2}"),
            met: ratio >= least,
        }
    }

    /// A time against another time: at most this many times as long.
    pub fn times(work: &str, measured: f64, floor: &str, other: f64, most: f64) -> Line {
        let ratio = measured / other.max(1e-6);
        Line {
            work: work.into(),
            measured: millis(measured),
            floor: format!("{floor}: {}", millis(other)),
            reached: format!("{ratio:.2}x"),
            target: format!("at most {most:.1}x"),
            met: ratio <= most,
        }
    }

    /// A number that has a bound of its own.
    pub fn at_most(work: &str, measured: f64, unit: &str, most: f64) -> Line {
        Line {
            work: work.into(),
            measured: format!("{measured:.1} {unit}"),
            floor: "none".into(),
            reached: format!("{measured:.1} {unit}"),
            target: format!("at most {most:.0} {unit}"),
            met: measured <= most,
        }
    }
}

/// A rate with its times.
pub fn sample(sample: &Sample) -> String {
    format!("{}/s, p50 {}, p99 {}", number(sample.rate()), millis(sample.median()), millis(sample.within(0.99)))
}

/// Milliseconds, with as many digits as mean something.
pub fn millis(millis: f64) -> String {
    if millis < 10.0 { format!("{millis:.3} ms") } else { format!("{millis:.1} ms") }
}

/// A whole number with separators.
pub fn number(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// As Markdown.
pub fn markdown(lines: &[Line]) -> String {
    let mut out = String::from("| Work | Measured | Floor | Reached | Target | Met |\n|---|---|---|---|---|---|\n");
    for line in lines {
        let Line { work, measured, floor, reached, target, met } = line;
        let met = if *met { "yes" } else { "**no**" };
        // Writing to a string cannot fail.
        let _written = writeln!(out, "| {work} | {measured} | {floor} | {reached} | {target} | {met} |");
    }
    out
}
