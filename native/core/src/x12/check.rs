//! One value against its element definition: type, length, characters, code list, date, pattern.
//!
//! Lengths and formats are those of X12.6 section 3.3 (data element types); dates follow data element 1250.

use crate::tables::DataType;
use crate::x12::guide::{CodeSet, Element};
use crate::x12::kind::Kind;
use crate::x12::scan::CharacterSet;
use crate::x12::tree::NONE;

/// A fault and the limit it broke (from the definition, never from the value).
pub type Fault = (Kind, Option<u32>);

/// Reports every fault of a non-empty value of a used element.
pub fn value(
    element: &Element,
    value: &[u8],
    format: Option<&[u8]>,
    code_sets: &[CodeSet],
    report: &mut impl FnMut(Fault),
) {
    if element.code_set != NONE {
        if code_sets[element.code_set as usize].contains(value) {
            return;
        }
        length(element, value.len(), report);
        report((Kind::InvalidCode, None));
        return;
    }
    match element.data_type {
        DataType::Text | DataType::Identifier => text(element, value, report),
        DataType::Decimal => {
            if !is_decimal(value) {
                report((Kind::InvalidCharacter, None));
            }
            let counted = value.iter().filter(|byte| !matches!(byte, b'-' | b'.')).count();
            length(element, counted, report);
        }
        DataType::Numeric => {
            let digits = value.strip_prefix(b"-").unwrap_or(value);
            if !all_digits(digits) {
                report((Kind::InvalidCharacter, None));
            }
            length(element, digits.len(), report);
        }
        DataType::Date => {
            if !is_date(value) {
                report((Kind::InvalidDate, None));
            }
        }
        DataType::Time => {
            if !is_time(value) {
                report((Kind::InvalidTime, None));
            }
        }
        DataType::Binary => {}
    }
    if let Some(format) = format {
        formatted(format, value, report);
    }
    if element.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(value)) {
        report((Kind::PatternMismatch, None));
    }
}

fn text(element: &Element, value: &[u8], report: &mut impl FnMut(Fault)) {
    let mut counted = value.len();
    if value.last() == Some(&b' ') {
        match value.iter().rposition(|byte| *byte != b' ') {
            None => report((Kind::InvalidCharacter, None)),
            Some(last) if last + 1 >= element.min_length as usize => {
                counted = last + 1;
                report((Kind::TrailingBlanks, None));
            }
            Some(_) => {}
        }
    }
    if counted > element.max_length as usize {
        // Continuation bytes of UTF-8 are no characters of their own.
        counted = value[..counted].iter().filter(|byte| !matches!(byte, 0x80..=0xBF)).count();
    }
    length(element, counted, report);
}

fn length(element: &Element, counted: usize, report: &mut impl FnMut(Fault)) {
    if counted < element.min_length as usize {
        report((Kind::TooShort, Some(element.min_length)));
    } else if counted > element.max_length as usize {
        report((Kind::TooLong, Some(element.max_length)));
    }
}

/// A value whose qualifier (data element 1250) names its form; unknown qualifiers say nothing.
fn formatted(qualifier: &[u8], value: &[u8], report: &mut impl FnMut(Fault)) {
    let date = |fits: bool| (!fits).then_some(Kind::InvalidDate);
    let fault = match qualifier {
        b"D8" => date(value.len() == 8 && is_date(value)),
        b"D6" => date(value.len() == 6 && is_date(value)),
        b"RD8" => date(value.len() == 17 && value[8] == b'-' && is_date(&value[..8]) && is_date(&value[9..])),
        b"DT" => date(value.len() == 12 && is_date(&value[..8]) && is_time(&value[8..])),
        b"RDT" => date(
            value.len() == 25
                && value[12] == b'-'
                && is_date(&value[..8])
                && is_time(&value[8..12])
                && is_date(&value[13..21])
                && is_time(&value[21..]),
        ),
        b"CM" => date(value.len() == 6 && all_digits(value) && (1..=12).contains(&number(&value[4..]))),
        b"TM" => (!is_time(value)).then_some(Kind::InvalidTime),
        _ => None,
    };
    if let Some(kind) = fault {
        report((kind, None));
    }
}

pub fn all_digits(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |total, digit| total * 10 + u32::from(digit.wrapping_sub(b'0')))
}

fn is_decimal(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let whole = parts.next().unwrap_or(b"");
    let whole_fits = whole.iter().all(u8::is_ascii_digit);
    match parts.next() {
        Some(fraction) => whole_fits && all_digits(fraction),
        None => whole_fits && !whole.is_empty(),
    }
}

/// CCYYMMDD, or YYMMDD as 4010 and ISA09 write it.
pub fn is_date(value: &[u8]) -> bool {
    if !all_digits(value) {
        return false;
    }
    let (year, rest) = match value.len() {
        8 => (number(&value[..4]), &value[4..]),
        6 => (2000 + number(&value[..2]), &value[2..]),
        _ => return false,
    };
    let (month, day) = (number(&rest[..2]), number(&rest[2..]));
    // No document of this trade is older; 1111 and 0001 are placeholders.
    year >= 1800 && (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month)
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// HHMM, HHMMSS, HHMMSSD or HHMMSSDD.
pub fn is_time(value: &[u8]) -> bool {
    all_digits(value)
        && matches!(value.len(), 4 | 6..=8)
        && number(&value[..2]) < 24
        && number(&value[2..4]) < 60
        && (value.len() == 4 || number(&value[4..6]) < 60)
}

/// The first byte that the character set does not allow.
pub fn has_foreign_character(value: &[u8], characters: CharacterSet) -> bool {
    value.iter().any(|byte| !characters.allows(*byte))
}

#[cfg(test)]
mod tests {
    use super::{is_date, is_decimal, is_time};

    /// Dates are those of the calendar, in both widths.
    #[test]
    fn dates() {
        let good: [&[u8]; 4] = [b"20240229", b"19000228", b"240229", b"20001231"];
        let bad: [&[u8]; 6] = [b"20230229", b"19000229", b"11111111", b"20241301", b"2024022", b"2024022A"];

        assert!(good.iter().all(|date| is_date(date)));
        assert!(!bad.iter().any(|date| is_date(date)));
    }

    /// Times have two to four pairs of digits.
    #[test]
    fn times() {
        let good: [&[u8]; 4] = [b"0000", b"2359", b"235959", b"23595999"];
        let bad: [&[u8]; 4] = [b"2400", b"2360", b"23596", b"3339"];

        assert!(good.iter().all(|time| is_time(time)));
        assert!(!bad.iter().any(|time| is_time(time)));
    }

    /// A decimal has digits around at most one point.
    #[test]
    fn decimals() {
        let good: [&[u8]; 5] = [b"0", b"-1.5", b".5", b"100", b"0.00"];
        let bad: [&[u8]; 5] = [b"", b"-", b"1.", b"1,5", b"1.2.3"];

        assert!(good.iter().all(|decimal| is_decimal(decimal)));
        assert!(!bad.iter().any(|decimal| is_decimal(decimal)));
    }
}
