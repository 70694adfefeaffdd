//! Codecs: the lexical forms of values in X12 and in canonical XML.
//!
//! Decoding answers nothing where the value would not come back identical; it is then carried as `other`.
//! Encoding passes a text of another shape on as it is: the guide, not the map, judges it.

use std::collections::{BTreeMap, HashSet};

use crate::map::plan::{self, LONG, Piece};
use crate::map::tables::CodeTable;
use crate::map::text::{Charset, escape, is_plain};

/// One code table, both ways.
#[derive(Debug)]
pub struct Translation {
    words: BTreeMap<Box<[u8]>, Box<[u8]>>,
    codes: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// The codes and words that fit into one machine word, which is all codes there are; open addressing.
    short: Box<[Entry]>,
}

/// A short code and its word; without one it is a word itself, which no code may be mistaken for.
#[derive(Debug, Clone, Default)]
struct Entry {
    /// 0 = a free place.
    packed: u64,
    word: Option<Box<[u8]>>,
    /// The same where nothing in it is to be escaped.
    plain: Option<Piece>,
}

/// Where to look first; the table is a power of two.
fn spread(packed: u64, size: usize) -> usize {
    (packed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize & (size - 1)
}

impl Translation {
    /// Refuses a table that is not bijective, or in which a word is another pair's code.
    pub fn new(table: &CodeTable) -> Result<Self, String> {
        let mut words = BTreeMap::new();
        let mut codes = BTreeMap::new();
        for (code, word) in &table.pairs {
            let (code, word): (Box<[u8]>, Box<[u8]>) = (code.as_bytes().into(), word.as_bytes().into());
            if words.insert(code.clone(), word.clone()).is_some() || codes.insert(word, code).is_some() {
                return Err(format!("code table {} is not bijective", table.id));
            }
        }
        let mut short = vec![Entry::default(); (table.pairs.len() * 4 + 2).next_power_of_two()];
        // Codes last: what is both a code and a word is read as a code.
        let entries = codes.keys().map(|word| (word, None)).chain(words.iter().map(|(code, word)| (code, Some(word))));
        for (text, word) in entries {
            let packed = plan::word(text);
            if packed == 0 || packed == LONG {
                continue;
            }
            let mut at = spread(packed, short.len());
            while short[at].packed != 0 && short[at].packed != packed {
                at = (at + 1) % short.len();
            }
            let plain = word.filter(|word| is_plain(word)).map(|word| Piece::new(word));
            short[at] = Entry { packed, word: word.cloned(), plain };
        }
        Ok(Self { words, codes, short: short.into() })
    }

    /// Appends the word for a code, escaped, or the code itself where the table has none. `None` where that would be
    /// read as a word; false as of [`escape`].
    #[inline]
    pub fn push_word(&self, out: &mut Vec<u8>, code: &[u8], charset: Charset) -> Option<bool> {
        let word = match self.entry(code) {
            Some(Entry { plain: Some(plain), .. }) => {
                plain.push(out);
                return Some(true);
            }
            Some(entry) => entry.word.as_deref(),
            None => self.long_word(code),
        };
        word.map(|word| escape(out, word, charset))
    }

    /// `None` where neither code nor word is this and short.
    #[inline]
    fn entry(&self, code: &[u8]) -> Option<&Entry> {
        let packed = plan::word(code);
        if packed == 0 || packed == LONG {
            return None;
        }
        let mut at = spread(packed, self.short.len());
        loop {
            let entry = self.short.get(at)?;
            if entry.packed == packed {
                return Some(entry);
            }
            if entry.packed == 0 {
                return None;
            }
            at = (at + 1) & (self.short.len() - 1);
        }
    }

    /// The word of a code of any length.
    fn long_word<'a>(&'a self, code: &'a [u8]) -> Option<&'a [u8]> {
        match self.words.get(code) {
            Some(word) => Some(word),
            None => (!self.codes.contains_key(code)).then_some(code),
        }
    }

    pub fn code<'a>(&'a self, word: &'a [u8]) -> &'a [u8] {
        self.codes.get(word).map_or(word, |code| code)
    }
}

/// The ids of the code tables, each once.
pub fn translations(tables: &[CodeTable]) -> Result<Box<[Translation]>, String> {
    let mut seen = HashSet::new();
    for table in tables {
        if !seen.insert(table.id.as_str()) {
            return Err(format!("code table {} occurs twice", table.id));
        }
    }
    tables.iter().map(Translation::new).collect()
}

fn digits(value: &[u8], length: usize) -> bool {
    value.len() == length && value.iter().all(u8::is_ascii_digit)
}

/// `true` where `value` follows `shape`, in which `0` stands for any digit.
fn shaped(value: &[u8], shape: &[u8]) -> bool {
    value.len() == shape.len()
        && value.iter().zip(shape).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            _ => byte == wanted,
        })
}

fn push_date(out: &mut Vec<u8>, value: [u8; 8]) {
    let mut date = *b"0000-00-00";
    date[..4].copy_from_slice(&value[..4]);
    date[5..7].copy_from_slice(&value[4..6]);
    date[8..].copy_from_slice(&value[6..]);
    out.extend_from_slice(&date);
}

/// Whether all eight are digits, at once.
fn is_date(value: [u8; 8]) -> bool {
    let word = u64::from_le_bytes(value);
    let carried = (word & 0x7F7F_7F7F_7F7F_7F7F) + 0x0606_0606_0606_0606;
    (word | carried) & 0xF0F0_F0F0_F0F0_F0F0 == 0x3030_3030_3030_3030
        && word & 0xF0F0_F0F0_F0F0_F0F0 == 0x3030_3030_3030_3030
}

/// CCYYMMDD; false and nothing appended where it is none.
#[must_use]
pub fn decode_date(out: &mut Vec<u8>, value: &[u8]) -> bool {
    match value.try_into() {
        Ok(value) if is_date(value) => {
            push_date(out, value);
            true
        }
        _ => false,
    }
}

/// HHMM, HHMMSS, HHMMSSD or HHMMSSDD (X12.6 type TM).
#[must_use]
pub fn decode_time(out: &mut Vec<u8>, value: &[u8]) -> bool {
    if !matches!(value.len(), 4 | 6 | 7 | 8) || !digits(value, value.len()) {
        return false;
    }
    let (time, fraction) = value.split_at(value.len().min(6));
    for (index, pair) in time.chunks(2).enumerate() {
        if index > 0 {
            out.push(b':');
        }
        out.extend_from_slice(pair);
    }
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    true
}

/// A value whose format the qualifier gives (data element 1250).
#[must_use]
pub fn decode_period(out: &mut Vec<u8>, value: &[u8], qualifier: &[u8]) -> bool {
    match qualifier {
        b"D8" => decode_date(out, value),
        b"RD8" if shaped(value, b"00000000-00000000") => {
            let is_begun = decode_date(out, &value[..8]);
            out.push(b'/');
            is_begun && decode_date(out, &value[9..])
        }
        b"DT" if digits(value, 12) => {
            let is_begun = decode_date(out, &value[..8]);
            out.push(b'T');
            is_begun && decode_time(out, &value[8..])
        }
        b"TM" if digits(value, 4) => {
            out.push(b'T');
            decode_time(out, value)
        }
        _ => false,
    }
}

fn without(text: &[u8], dropped: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !dropped.contains(byte)).collect()
}

pub fn encode_date(text: &[u8]) -> Vec<u8> {
    if shaped(text, b"0000-00-00") { without(text, b"-") } else { text.to_vec() }
}

pub fn encode_time(text: &[u8]) -> Vec<u8> {
    let shapes: [&[u8]; 4] = [b"00:00", b"00:00:00", b"00:00:00.0", b"00:00:00.00"];
    if shapes.iter().any(|shape| shaped(text, shape)) { without(text, b":.") } else { text.to_vec() }
}

/// The value and the qualifier that its shape tells.
pub fn encode_period(text: &[u8]) -> (Vec<u8>, Option<&'static [u8]>) {
    if shaped(text, b"0000-00-00") {
        (without(text, b"-"), Some(b"D8"))
    } else if shaped(text, b"0000-00-00/0000-00-00") {
        let mut value = without(text, b"-/");
        value.insert(8, b'-');
        (value, Some(b"RD8"))
    } else if shaped(text, b"0000-00-00T00:00") {
        (without(text, b"-:T"), Some(b"DT"))
    } else if shaped(text, b"T00:00") {
        (without(text, b"T:"), Some(b"TM"))
    } else {
        (text.to_vec(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_come_back_with_their_qualifier() {
        for (qualifier, value, text) in [
            ("D8", "20050119", "2005-01-19"),
            ("RD8", "20050119-20050120", "2005-01-19/2005-01-20"),
            ("DT", "200501191151", "2005-01-19T11:51"),
            ("TM", "1151", "T11:51"),
        ] {
            let mut out = Vec::new();
            assert!(decode_period(&mut out, value.as_bytes(), qualifier.as_bytes()));

            assert_eq!(out, text.as_bytes());
            assert_eq!(encode_period(&out), (value.as_bytes().to_vec(), Some(qualifier.as_bytes())));
        }
    }

    #[test]
    fn times_come_back_with_their_fractions() {
        for (value, text) in
            [("1151", "11:51"), ("115101", "11:51:01"), ("1151017", "11:51:01.7"), ("11510172", "11:51:01.72")]
        {
            let mut out = Vec::new();
            assert!(decode_time(&mut out, value.as_bytes()));

            assert_eq!(out, text.as_bytes());
            assert_eq!(encode_time(&out), value.as_bytes());
        }
    }

    #[test]
    fn an_impossible_shape_is_not_decoded() {
        assert!(!decode_date(&mut Vec::new(), b"2005011"));
        assert!(!decode_period(&mut Vec::new(), b"20050119", b"RD8"));
        assert!(!decode_period(&mut Vec::new(), b"20050119", b""));
        assert!(!decode_time(&mut Vec::new(), b"115"));
    }

    #[test]
    fn an_unlisted_code_passes_unless_it_is_a_word() {
        let pairs = vec![("M".into(), "male".into()), ("F".into(), "female".into())];
        let table = Translation::new(&CodeTable { id: "gender".into(), pairs }).unwrap();

        for (code, word) in [("M", Some("male")), ("X", Some("X")), ("<", Some("&lt;")), ("male", None)] {
            let mut out = Vec::new();
            let fits = table.push_word(&mut out, code.as_bytes(), Charset::Utf8);
            assert_eq!(fits.map(|_| out.as_slice()), word.map(str::as_bytes));
        }
        assert_eq!(table.code(b"female"), b"F");
        assert_eq!(table.code(b"X"), b"X");
    }
}
