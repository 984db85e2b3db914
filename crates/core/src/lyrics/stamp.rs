//! The times in LRC files: `12:34.56`, and what else players take for one.

/// The latest time that can be written (9999 minutes), in milliseconds.
pub const LATEST_MS: u64 = 9_999 * 60_000 + 59_999;

/// What three numbers without a fraction mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `hours:minutes:seconds`.
    Hours,
    /// `minutes:seconds:hundredths`, as some programs write.
    Hundredths,
}

impl Dialect {
    /// The dialect of a whole text: a third number that cannot be seconds gives it away.
    pub fn of(text: &str) -> Self {
        let inside = text.split(['[', '<']).skip(1).filter_map(|part| part.split([']', '>']).next());
        let third = |stamp: &str| {
            let mut parts = stamp.trim().split(':');
            let third = parts.nth(2).filter(|_| parts.next().is_none())?;
            number(third, 2)
        };
        match inside.filter_map(third).any(|third| third > 59) {
            true => Self::Hundredths,
            false => Self::Hours,
        }
    }
}

/// Milliseconds of a time as it stands between brackets; `None`: it is none.
pub fn parse(inside: &str, dialect: Dialect) -> Option<u64> {
    let parts: Vec<&str> = inside.trim().split(':').collect();
    let ms = match (parts.as_slice(), dialect) {
        ([minutes, seconds], _) => number(minutes, 4)? * 60_000 + fractional(seconds)?,
        ([minutes, seconds, hundredths], Dialect::Hundredths) if !hundredths.contains(['.', ',']) => {
            number(minutes, 4)? * 60_000 + number(seconds, 2)? * 1000 + number(hundredths, 2)? * 10
        }
        ([hours, minutes, seconds], _) => {
            number(hours, 3)? * 3_600_000 + number(minutes, 2)? * 60_000 + fractional(seconds)?
        }
        _ => return None,
    };
    Some(ms.min(LATEST_MS))
}

/// `mm:ss.xx`, with a third digit only where it is needed: not every player reads three.
pub fn write(ms: u64) -> String {
    let ms = ms.min(LATEST_MS);
    let (minutes, seconds, rest) = (ms / 60_000, ms / 1000 % 60, ms % 1000);
    match rest % 10 {
        0 => format!("{minutes:02}:{seconds:02}.{:02}", rest / 10),
        _ => format!("{minutes:02}:{seconds:02}.{rest:03}"),
    }
}

/// Digits only, so many at most.
fn number(digits: &str, most: usize) -> Option<u64> {
    let fits = (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| digits.parse().ok()).flatten()
}

/// Milliseconds of `ss`, `ss.x`, `ss.xx` or `ss.xxx`; a comma will do.
fn fractional(seconds: &str) -> Option<u64> {
    let (whole, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
    let digits = fraction.bytes().all(|b| b.is_ascii_digit());
    let thousandths = fraction.bytes().chain(*b"000").take(3).fold(0, |ms, b| ms * 10 + u64::from(b & 15));
    digits.then_some(number(whole, 2)? * 1000 + thousandths)
}
