//! `<source>`: where a document comes from, by the envelope segments around it.

use crate::map::context::DocumentContext;
use crate::map::labels::push_number;
use crate::map::text::{Charset, escape};

/// Attribute names of the interchange header by element position; dates and times in their canonical form.
const INTERCHANGE: [(usize, &str); 9] = [
    (5, "senderQualifier"),
    (6, "sender"),
    (7, "receiverQualifier"),
    (8, "receiver"),
    (9, "date"),
    (10, "time"),
    (12, "version"),
    (13, "controlNumber"),
    (14, "acknowledgmentRequested"),
];
/// Written only where they say more than "none present" (qualifier 00, ten blanks).
const AUTHORISATION: [(usize, &str); 4] =
    [(1, "authorizationQualifier"), (2, "authorization"), (3, "securityQualifier"), (4, "security")];
const GROUP: [(usize, &str); 8] = [
    (1, "functionalIdentifier"),
    (2, "sender"),
    (3, "receiver"),
    (4, "date"),
    (5, "time"),
    (6, "controlNumber"),
    (7, "agency"),
    (8, "version"),
];
const SET: [(usize, &str); 3] = [(1, "identifier"), (2, "controlNumber"), (3, "implementation")];

/// Appends everything up to the item's ordinal: `<source ...>...<set ...`; false where a value does not fit the
/// character set.
#[must_use]
pub(super) fn push_source(out: &mut Vec<u8>, context: &DocumentContext, charset: Charset) -> bool {
    out.extend_from_slice(b"<source standard=\"X12\" guide=\"");
    let mut fits = escape(out, context.guide.as_bytes(), charset);
    out.push(b'"');
    if charset == Charset::Latin1 {
        out.extend_from_slice(b" charset=\"ISO-8859-1\"");
    }
    if !context.source_attributes.is_empty() {
        out.push(b' ');
        out.extend_from_slice(context.source_attributes.as_bytes());
    }
    out.extend_from_slice(b"><interchange ordinal=\"");
    push_number(out, context.interchange_ordinal);
    out.push(b'"');
    let mut segment = Segment { out, fits: &mut fits, charset, values: context.interchange };
    segment.push_all(&INTERCHANGE);
    segment.push(15, "usage");
    for (position, name) in AUTHORISATION {
        if !matches!(segment.value(position), b"" | b"00") {
            segment.push(position, name);
        }
    }
    out.extend_from_slice(b"/><group ordinal=\"");
    push_number(out, context.group_ordinal);
    out.push(b'"');
    Segment { out, fits: &mut fits, charset, values: context.group }.push_all(&GROUP);
    out.extend_from_slice(b"/><set ordinal=\"");
    push_number(out, context.set_ordinal);
    out.push(b'"');
    Segment { out, fits: &mut fits, charset, values: context.set }.push_all(&SET);
    fits
}

/// `item="7"/></source>`; nothing of the item where the document has none.
pub(super) fn push_source_end(out: &mut Vec<u8>, item_ordinal: u64) {
    if item_ordinal > 0 {
        out.extend_from_slice(b" item=\"");
        push_number(out, item_ordinal);
        out.push(b'"');
    }
    out.extend_from_slice(b"/></source>");
}

struct Segment<'a> {
    out: &'a mut Vec<u8>,
    fits: &'a mut bool,
    charset: Charset,
    values: &'a [Vec<u8>],
}

impl Segment<'_> {
    /// Without trailing blanks: ISA is of fixed width, so they say nothing.
    fn value(&self, position: usize) -> &[u8] {
        self.values.get(position).map_or(b"", |value| value.trim_ascii_end())
    }

    fn push_all(&mut self, names: &[(usize, &str)]) {
        for (position, name) in names {
            self.push(*position, name);
        }
    }

    fn push(&mut self, position: usize, name: &str) {
        let value = self.value(position).to_vec();
        if value.is_empty() {
            return;
        }
        let text = match name {
            "date" => date(&value),
            "time" if self.values.first().is_some_and(|id| id.as_slice() == b"ISA") => time(&value),
            _ => value,
        };
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        *self.fits &= escape(self.out, &text, self.charset);
        self.out.push(b'"');
    }
}

/// YYMMDD of ISA09 is of this century; CCYYMMDD of GS04; anything else as it is.
fn date(value: &[u8]) -> Vec<u8> {
    if !value.iter().all(u8::is_ascii_digit) {
        return value.to_vec();
    }
    let whole = if value.len() == 6 { [b"20", value].concat() } else { value.to_vec() };
    if whole.len() == 8 { [&whole[..4], b"-", &whole[4..6], b"-", &whole[6..]].concat() } else { value.to_vec() }
}

fn time(value: &[u8]) -> Vec<u8> {
    if value.len() == 4 && value.iter().all(u8::is_ascii_digit) {
        [&value[..2], b":", &value[2..]].concat()
    } else {
        value.to_vec()
    }
}
