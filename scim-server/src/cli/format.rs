//! Durations and moments as people write them.

use anyhow::{Context, Result, bail};
use scim_core::clock::Timestamp;

/// A hundred years: beyond, years have more than four digits one day.
const LONGEST: i64 = 36_525 * 86_400;

/// `90d`, `12h`, `30m`, `45s` in seconds.
pub fn duration(text: &str) -> Result<i64> {
    let wrong = || format!("{text:?} is no duration: use a number and d, h, m or s, such as 90d");
    let split = text.len().saturating_sub(1);
    let (Some(number), Some(unit)) = (text.get(..split), text.get(split..)) else { bail!(wrong()) };
    let unit = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => bail!(wrong()),
    };
    let number = number.parse::<u32>().with_context(wrong)?;
    Ok(i64::from(number) * unit)
}

/// When something that lasts so long from now ends; `never` has no end.
pub fn end(text: &str, now: Timestamp) -> Result<Option<Timestamp>> {
    if text == "never" {
        return Ok(None);
    }
    let seconds = duration(text)?;
    if seconds == 0 {
        bail!("{text:?} would end at once");
    }
    if seconds > LONGEST {
        bail!("{text:?} is longer than a hundred years; write never");
    }
    Ok(Some(now.plus_seconds(seconds)))
}

/// A moment that may be missing.
pub fn moment(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "never".to_owned(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_soon_enough_to_be_written() {
        let check = |text: &str, good: bool| assert_eq!(end(text, Timestamp::default()).is_ok(), good, "{text:?}");
        check("never", true);
        check("36525d", true);
        check("36526d", false);
        check("4294967295d", false);
        check("0d", false);
    }

    #[test]
    fn durations_are_read() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(duration(text).ok(), expected, "{text:?}");
        check("90d", Some(90 * 86_400));
        check("12h", Some(43_200));
        check("30m", Some(1_800));
        check("45s", Some(45));
        check("45", None);
        check("d", None);
        check("", None);
        check("-1d", None);
        check("1ü", None);
    }
}
