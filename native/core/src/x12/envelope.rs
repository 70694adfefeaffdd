//! The envelope: ISA and IEA, GS and GE, and their control numbers (X12.5, X12.6 section 3.9).
//!
//! What is checked here needs no guide and no partner: form, counts, numbers. Who may send is decided above.

use crate::x12::check::{all_digits, is_date, is_time};
use crate::x12::kind::Kind;
use crate::x12::scan::{Delimiters, HEADER_LENGTH, HEADER_SEPARATORS};

/// ISA has sixteen elements.
const HEADER_ELEMENTS: usize = 16;
/// An ISA whose elements are too wide is looked for no further than this.
const LONGEST_HEADER: usize = 300;
/// From this version on ISA11 is the repetition separator.
const FIRST_WITH_REPETITION: &[u8] = b"00402";

/// A fault and the element (from 1) that has it.
pub type EnvelopeFault = (Kind, u16);

pub struct InterchangeHeader {
    /// ISA and its elements as sent, blanks included.
    pub elements: Vec<Vec<u8>>,
    pub delimiters: Delimiters,
    /// Bytes up to and with the terminator.
    pub length: usize,
    pub faults: Vec<EnvelopeFault>,
}

pub enum HeaderRead {
    Whole(Box<InterchangeHeader>),
    /// Could still become one.
    Partial,
    /// Never a header that can be answered.
    Unreadable,
}

/// Reads ISA at the start of `bytes`. Elements of a wrong width are told apart by the separators.
pub fn read_header(bytes: &[u8]) -> HeaderRead {
    let Some(element) = bytes.get(3).copied() else { return HeaderRead::Partial };
    if element.is_ascii_alphanumeric() {
        return HeaderRead::Unreadable;
    }
    let window = &bytes[..bytes.len().min(LONGEST_HEADER)];
    let exact = HEADER_SEPARATORS.iter().all(|at| window.get(*at).is_none_or(|byte| *byte == element));
    let last = if exact {
        HEADER_LENGTH - 3
    } else {
        match window.iter().enumerate().filter(|(_, byte)| **byte == element).nth(HEADER_ELEMENTS - 1) {
            Some((at, _)) => at,
            None if window.len() == LONGEST_HEADER => return HeaderRead::Unreadable,
            None => return HeaderRead::Partial,
        }
    };
    let Some([component, terminator]) = bytes.get(last + 1..last + 3) else { return HeaderRead::Partial };
    let elements: Vec<Vec<u8>> =
        bytes[..last + 2].splitn(HEADER_ELEMENTS + 1, |byte| *byte == element).map(<[u8]>::to_vec).collect();
    if elements.len() != HEADER_ELEMENTS + 1 {
        return HeaderRead::Unreadable;
    }
    let has_repetition = elements[12].as_slice() >= FIRST_WITH_REPETITION;
    let repetition = match elements[11].as_slice() {
        [byte] if has_repetition && !byte.is_ascii_alphanumeric() && *byte != b' ' => Some(*byte),
        _ => None,
    };
    let delimiters = Delimiters { element, component: *component, repetition, terminator: *terminator };
    let mut faults = Vec::new();
    if !exact {
        faults.push((Kind::InterchangeHeaderWidth, 0));
    }
    check_delimiters(delimiters, has_repetition, &elements, &mut faults);
    check_header(&elements, has_repetition, &mut faults);
    HeaderRead::Whole(Box::new(InterchangeHeader { elements, delimiters, length: last + 3, faults }))
}

fn check_delimiters(
    delimiters: Delimiters,
    has_repetition: bool,
    elements: &[Vec<u8>],
    faults: &mut Vec<EnvelopeFault>,
) {
    let Delimiters { element, component, repetition, terminator } = delimiters;
    if component.is_ascii_alphanumeric() || component == element || component == b' ' {
        faults.push((Kind::ComponentSeparatorInvalid, 16));
    }
    if terminator.is_ascii_alphanumeric() || terminator == element || terminator == component || terminator == b' ' {
        faults.push((Kind::SegmentTerminatorInvalid, 0));
    }
    match repetition {
        Some(byte) if byte == element || byte == component || byte == terminator => {
            faults.push((Kind::RepetitionSeparatorInvalid, 11));
        }
        // `U` is what 4010 says there; without a separator nothing can repeat, which is no fault by itself.
        None if has_repetition && elements[11] == b"U" => faults.push((Kind::RepetitionSeparatorAbsent, 11)),
        None if has_repetition => faults.push((Kind::RepetitionSeparatorInvalid, 11)),
        _ => {}
    }
}

fn check_header(elements: &[Vec<u8>], has_repetition: bool, faults: &mut Vec<EnvelopeFault>) {
    let two = |at: usize| elements[at].len() == 2 && elements[at].iter().all(u8::is_ascii_alphanumeric);
    let blank = |at: usize| elements[at].iter().all(|byte| *byte == b' ');
    let checks = [
        (two(1) && elements[1][0] == b'0', Kind::AuthorizationQualifierInvalid, 1),
        (two(3) && elements[3][0] == b'0', Kind::SecurityQualifierInvalid, 3),
        (two(5), Kind::SenderQualifierInvalid, 5),
        (!blank(6), Kind::SenderMissing, 6),
        (two(7), Kind::ReceiverQualifierInvalid, 7),
        (!blank(8), Kind::ReceiverMissing, 8),
        (elements[9].len() == 6 && is_date(&elements[9]), Kind::InterchangeDateInvalid, 9),
        (elements[10].len() == 4 && is_time(&elements[10]), Kind::InterchangeTimeInvalid, 10),
        (has_repetition || elements[11] == b"U", Kind::InterchangeStandardInvalid, 11),
        (elements[12].len() == 5 && all_digits(&elements[12]), Kind::InterchangeVersionInvalid, 12),
        (elements[13].len() == 9 && all_digits(&elements[13]), Kind::InterchangeControlInvalid, 13),
        (matches!(elements[14].as_slice(), b"0" | b"1"), Kind::AcknowledgmentRequestInvalid, 14),
        (matches!(elements[15].as_slice(), b"P" | b"T" | b"I"), Kind::UsageIndicatorInvalid, 15),
    ];
    faults.extend(checks.iter().filter(|(fits, _, _)| !fits).map(|(_, kind, element)| (*kind, *element)));
}

/// GS: what an acknowledgement must echo has to be there; the rest is form.
pub fn check_group_header(elements: &[Vec<u8>]) -> Vec<EnvelopeFault> {
    let get = |at: usize| elements.get(at).map_or(b"".as_slice(), Vec::as_slice);
    let control = get(6);
    let checks = [
        (get(1).len() == 2, Kind::GroupHeaderInvalid, 1),
        (!get(2).is_empty(), Kind::GroupHeaderInvalid, 2),
        (!get(3).is_empty(), Kind::GroupHeaderInvalid, 3),
        (is_date(get(4)), Kind::GroupHeaderInvalid, 4),
        (is_time(get(5)), Kind::GroupHeaderInvalid, 5),
        ((1..=9).contains(&control.len()) && all_digits(control), Kind::GroupControlInvalid, 6),
        (matches!(get(7), b"X" | b"T"), Kind::GroupHeaderInvalid, 7),
        ((1..=12).contains(&get(8).len()), Kind::GroupHeaderInvalid, 8),
    ];
    checks.iter().filter(|(fits, _, _)| !fits).map(|(_, kind, element)| (*kind, *element)).collect()
}

/// A count as a trailer states it; None where it is no number.
pub fn stated_count(value: Option<&Vec<u8>>) -> Option<u64> {
    let value = value?;
    (all_digits(value) && value.len() <= 10)
        .then(|| value.iter().fold(0, |total, digit| total * 10 + u64::from(digit - b'0')))
}

/// GS06 and GE02 are numbers (type N0): leading zeros do not count.
pub fn same_number(one: &[u8], other: &[u8]) -> bool {
    let significant = |value: &[u8]| {
        let zeros = value.iter().take_while(|byte| **byte == b'0').count();
        value[zeros..].to_vec()
    };
    significant(one) == significant(other)
}

#[cfg(test)]
mod tests {
    use super::{HeaderRead, Kind, read_header, same_number};

    const HEADER: &[u8] =
        b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *240101*1200*^*00501*000000001*0*T*:~";

    /// A fixed-width header gives its delimiters and no fault.
    #[test]
    fn reads_a_header() {
        let HeaderRead::Whole(header) = read_header(HEADER) else { panic!("not read") };

        assert_eq!(header.length, 106);
        assert_eq!(header.delimiters.repetition, Some(b'^'));
        assert!(header.faults.is_empty());
    }

    /// Cut anywhere it is not yet a header, and never more than that.
    #[test]
    fn a_cut_header_is_partial() {
        for cut in 3..HEADER.len() {
            assert!(matches!(read_header(&HEADER[..cut]), HeaderRead::Partial), "cut at {cut}");
        }
    }

    /// A sender too short by one blank is told by the width, and read all the same.
    #[test]
    fn reads_a_header_of_wrong_width() {
        let text = String::from_utf8_lossy(HEADER).replace("SENDER         ", "SENDER        ");
        let HeaderRead::Whole(header) = read_header(text.as_bytes()) else { panic!("not read") };

        assert_eq!(header.faults, vec![(Kind::InterchangeHeaderWidth, 0)]);
        assert_eq!(header.elements[13], b"000000001");
    }

    /// Leading zeros of a group control number do not count.
    #[test]
    fn group_numbers_are_numbers() {
        assert!(same_number(b"0001", b"1"));
        assert!(!same_number(b"10", b"1"));
    }
}
