//! Named checks over single values and over all values of one slot.

use super::path::{Found, Path, text};
use crate::x12::check::all_digits;
use crate::x12::tree::Tree;

/// So many different values of one slot no claim has; more are not compared, which bounds the time.
pub(super) const UNIQUE_CAP: usize = 256;

/// Values under one anchor are few: comparing each with those before it beats a table.
pub(super) fn unique(paths: &[Path], tree: &Tree, anchor: u32, report: &mut impl FnMut(Found)) {
    let mut before: Vec<Found> = Vec::new();
    for path in paths {
        path.walk(tree, anchor, &mut |found| {
            if before.iter().any(|other| text(tree, *other) == text(tree, found)) {
                report(found);
            } else if before.len() < UNIQUE_CAP {
                before.push(found);
            }
            true
        });
    }
}

/// Ten digits beginning with 1 or 2, Luhn with the prefix 80840 (45 CFR 162.406; the prefix adds 24).
pub(super) fn is_npi(value: &[u8]) -> bool {
    if value.len() != 10 || !all_digits(value) || !matches!(value[0], b'1' | b'2') {
        return false;
    }
    let total: u32 = value
        .iter()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            match (at % 2, digit * 2) {
                (0, doubled @ 10..) => doubled - 9,
                (0, doubled) => doubled,
                _ => digit,
            }
        })
        .sum();
    (total + 24).is_multiple_of(10)
}

pub(super) fn count(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |total, digit| total * 10 + u64::from(digit - b'0'))
}

/// The first CCYYMMDD of a date, a date and time, or a range.
pub(super) fn first_date(value: &[u8]) -> &[u8] {
    &value[..value.len().min(8)]
}

/// The last one.
pub(super) fn last_date(value: &[u8]) -> &[u8] {
    match value.iter().rposition(|byte| *byte == b'-') {
        Some(dash) => first_date(&value[dash + 1..]),
        None => first_date(value),
    }
}

#[cfg(test)]
mod tests {
    use super::is_npi;

    /// The check digit decides.
    #[test]
    fn npi_check_digit() {
        assert!(is_npi(b"1234567893"));
        assert!(!is_npi(b"1234567890"));
        assert!(!is_npi(b"3234567893"));
        assert!(!is_npi(b"123456789"));
    }
}
