//! Labels of loops and segments in `at`, `other` and `order`: guide names, readable and stable under edits.
//!
//! `2310A`, `REF[G1]`, `?ZZ` for a segment that found no place; each followed by its ordinal (`:2`) where it is used.

/// Appends the label of a segment: `key` is the value that tells it from its siblings, where the guide has one.
pub fn push_segment(out: &mut Vec<u8>, id: &[u8], is_placed: bool, key: Option<&[u8]>) {
    if !is_placed {
        out.push(b'?');
    }
    if is_plain(id) {
        out.extend_from_slice(id);
    } else {
        // Anything may stand where a segment id should be; in hexadecimal it cannot break the path.
        out.push(b'=');
        for byte in id {
            out.extend_from_slice(format!("{byte:02X}").as_bytes());
        }
    }
    if let Some(key) = key.filter(|key| is_placed && is_plain(key)) {
        out.push(b'[');
        out.extend_from_slice(key);
        out.push(b']');
    }
}

fn is_plain(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_alphanumeric)
}

pub fn push_ordinal(out: &mut Vec<u8>, ordinal: u32) {
    out.push(b':');
    push_number(out, u64::from(ordinal));
}

pub fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends `02`, `05-3`, `05*2-3`.
pub fn push_slot(out: &mut Vec<u8>, element: u16, repetition: u16, component: u16) {
    if element < 10 {
        out.push(b'0');
    }
    push_number(out, element.into());
    if repetition > 0 {
        out.push(b'*');
        push_number(out, u64::from(repetition) + 1);
    }
    if component > 1 {
        out.push(b'-');
        push_number(out, component.into());
    }
}

/// Element, repetition (from 0) and component of a slot as [`push_slot`] writes it.
pub fn parse_slot(text: &str) -> Option<(u16, u16, u16)> {
    let (rest, component) = match text.split_once('-') {
        Some((rest, component)) => (rest, component.parse().ok()?),
        None => (text, 1),
    };
    let (element, repetition) = match rest.split_once('*') {
        Some((element, repetition)) => (element, repetition.parse::<u16>().ok()?.checked_sub(1)?),
        None => (rest, 0),
    };
    let element = element.parse().ok()?;
    (element > 0 && component > 0).then_some((element, repetition, component))
}

/// A step of a path: a label and its ordinal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    Loop { id: &'a str, ordinal: u32 },
    Segment { label: &'a str, ordinal: u32 },
}

/// Splits `2310F:1/REF[G1]:2`; `None` where it is no path. Loop ids begin with a digit or have four letters.
pub fn parse_path(text: &str) -> Option<Vec<Step<'_>>> {
    text.split('/').map(parse_step).collect()
}

pub fn parse_step(text: &str) -> Option<Step<'_>> {
    let (label, ordinal) = text.rsplit_once(':')?;
    let ordinal = ordinal.parse().ok().filter(|ordinal| *ordinal > 0)?;
    let is_loop = !label.starts_with('?')
        && !label.contains('[')
        && (label.len() > 3 || label.starts_with(|first: char| first.is_ascii_digit()));
    match label {
        "" => None,
        id if is_loop => Some(Step::Loop { id, ordinal }),
        label => Some(Step::Segment { label, ordinal }),
    }
}

/// The segment id and the key of a segment's label.
pub fn parse_segment(label: &str) -> Option<(Vec<u8>, Option<&str>)> {
    let label = label.strip_prefix('?').unwrap_or(label);
    if let Some(hex) = label.strip_prefix('=') {
        let pairs = hex.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        return Some((bytes.collect::<Option<_>>()?, None));
    }
    match label.split_once('[') {
        Some((id, key)) => Some((id.into(), Some(key.strip_suffix(']')?))),
        None => Some((label.into(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn slots_come_back(element in 1_u16.., repetition in 0_u16..u16::MAX, component in 1_u16..) {
            let mut text = Vec::new();
            push_slot(&mut text, element, repetition, component);
            let text = String::from_utf8(text).unwrap();
            proptest::prop_assert_eq!(parse_slot(&text), Some((element, repetition, component)));
        }

        #[test]
        fn segment_ids_come_back(id in proptest::collection::vec(proptest::num::u8::ANY, 1..6)) {
            let mut text = Vec::new();
            push_segment(&mut text, &id, false, None);
            let text = String::from_utf8(text).unwrap();
            proptest::prop_assert_eq!(parse_segment(&text), Some((id, None)));
        }
    }

    #[test]
    fn a_path_has_loops_then_a_segment() {
        assert_eq!(
            parse_path("2310F:1/REF[G1]:2"),
            Some(vec![Step::Loop { id: "2310F", ordinal: 1 }, Step::Segment { label: "REF[G1]", ordinal: 2 }])
        );
        assert_eq!(parse_path("REF"), None);
        assert_eq!(parse_path("REF:0"), None);
        assert_eq!(parse_path(""), None);
    }
}
