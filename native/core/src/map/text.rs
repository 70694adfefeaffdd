//! Characters of X12 values in XML: escapes, both ways, for UTF-8 and Latin-1 documents.
//!
//! XML 1.0 cannot hold most control characters, U+FFFE and U+FFFF: they become [`MARK`] and a stand-in, and
//! the mark itself is doubled. `docs/mapping-language.md` has the words for users.

/// SYMBOL FOR SUBSTITUTE FORM TWO: announces a character that XML cannot hold.
pub const MARK: char = '\u{2426}';
const PICTURES: u32 = 0x2400;

/// How the bytes above 7F of a document are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    #[default]
    Utf8,
    Latin1,
}

/// Bytes that stand for themselves in attributes and text.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x80 {
        plain[byte] = !matches!(byte as u8, b'<' | b'>' | b'&' | b'"');
        byte += 1;
    }
    plain
};

/// Appends the value `text[start..end]` escaped; false as of [`escape`].
///
/// Most values are short and stand in the middle of a text: these are looked at and copied as one block, without
/// a call, and what was copied too much is dropped.
#[inline]
#[must_use]
pub fn escape_part(out: &mut Vec<u8>, text: &[u8], (start, end): (usize, usize), charset: Charset) -> bool {
    let length = end - start;
    if let Some(block) = text[start..].first_chunk::<BLOCK>()
        && let Some(mask) = MASKS.get(length)
        && is_plain_block(u128::from_le_bytes(*block) & mask | SPACES & !mask)
    {
        out.extend_from_slice(block);
        out.truncate(out.len() + length - BLOCK);
        return true;
    }
    escape(out, &text[start..end], charset)
}

const BLOCK: usize = 16;
const SPACES: u128 = each(b' ');
/// By length: the bytes of a block that belong to the value.
const MASKS: [u128; BLOCK + 1] = {
    let mut masks = [u128::MAX; BLOCK + 1];
    let mut length = 0;
    while length < BLOCK {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

const fn each(byte: u8) -> u128 {
    u128::from_le_bytes([byte; BLOCK])
}

/// Whether every byte stands for itself.
pub fn is_plain(value: &[u8]) -> bool {
    let (blocks, rest) = value.as_chunks();
    blocks.iter().all(|block| is_plain_block(u128::from_le_bytes(*block)))
        && rest.iter().all(|byte| PLAIN[*byte as usize])
}

/// [`PLAIN`] of sixteen bytes at once. A borrow goes from one byte to the next only where a byte is special already.
fn is_plain_block(block: u128) -> bool {
    let control = block.wrapping_sub(SPACES);
    // `<` and `>`, `"` and `&` differ in one bit each.
    let angle = ((block | each(0x02)) ^ each(b'>')).wrapping_sub(each(1));
    let quote = ((block | each(0x04)) ^ each(b'&')).wrapping_sub(each(1));
    (block | control | angle | quote) & each(0x80) == 0
}

/// Appends `value` escaped for an attribute or text; false where it is not valid in the character set.
#[must_use]
pub fn escape(out: &mut Vec<u8>, value: &[u8], charset: Charset) -> bool {
    if is_plain(value) {
        out.extend_from_slice(value);
        return true;
    }
    match charset {
        Charset::Latin1 => {
            for byte in value {
                escape_character(out, char::from(*byte));
            }
            true
        }
        Charset::Utf8 => match std::str::from_utf8(value) {
            Ok(text) => {
                text.chars().for_each(|character| escape_character(out, character));
                true
            }
            Err(_) => false,
        },
    }
}

fn escape_character(out: &mut Vec<u8>, character: char) {
    match character {
        '<' => out.extend_from_slice(b"&lt;"),
        '>' => out.extend_from_slice(b"&gt;"),
        '&' => out.extend_from_slice(b"&amp;"),
        '"' => out.extend_from_slice(b"&quot;"),
        '\t' => out.extend_from_slice(b"&#9;"),
        '\n' => out.extend_from_slice(b"&#10;"),
        '\r' => out.extend_from_slice(b"&#13;"),
        '\u{FFFE}' => push_marked(out, 'E'),
        '\u{FFFF}' => push_marked(out, 'F'),
        MARK => push_marked(out, MARK),
        control if control < ' ' => {
            push_marked(out, char::from_u32(PICTURES + control as u32).unwrap_or(MARK));
        }
        other => push(out, other),
    }
}

fn push_marked(out: &mut Vec<u8>, character: char) {
    push(out, MARK);
    push(out, character);
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The bytes of an attribute or text whose XML references are already resolved.
///
/// `None` where a character has no byte in Latin-1. A mark before anything unexpected stands for itself.
pub fn unescape(text: &str, charset: Charset) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let mut meant = character;
        if character == MARK {
            let marked = match characters.peek() {
                Some('E') => Some('\u{FFFE}'),
                Some('F') => Some('\u{FFFF}'),
                Some(&MARK) => Some(MARK),
                Some(picture) => {
                    (*picture as u32).checked_sub(PICTURES).filter(|code| *code < 0x20).and_then(char::from_u32)
                }
                None => None,
            };
            if let Some(marked) = marked {
                characters.next();
                meant = marked;
            }
        }
        match charset {
            Charset::Utf8 => push(&mut bytes, meant),
            Charset::Latin1 => bytes.push(u8::try_from(meant as u32).ok()?),
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(xml: &[u8]) -> String {
        let text = std::str::from_utf8(xml).unwrap();
        quick_xml::escape::unescape(text).unwrap().into_owned()
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_come_back_in_latin1(value: Vec<u8>) {
            let mut xml = Vec::new();
            proptest::prop_assert!(escape(&mut xml, &value, Charset::Latin1));
            proptest::prop_assert_eq!(unescape(&resolved(&xml), Charset::Latin1).unwrap(), value);
        }

        #[test]
        fn any_text_comes_back_in_utf8(value: String) {
            let mut xml = Vec::new();
            proptest::prop_assert!(escape(&mut xml, value.as_bytes(), Charset::Utf8));
            proptest::prop_assert_eq!(unescape(&resolved(&xml), Charset::Utf8).unwrap(), value.as_bytes());
        }
    }

    #[test]
    fn blocks_are_judged_as_their_bytes() {
        for special in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[at] = special;
                block[(at + 1) % BLOCK] = b'0';

                assert_eq!(is_plain_block(u128::from_le_bytes(block)), PLAIN[special as usize]);
            }
        }
    }

    #[test]
    fn a_part_says_nothing_of_its_neighbours() {
        let text = b"<first>&the second one, which is longer than a block";
        for start in 0..text.len() {
            for end in start..text.len() {
                let (mut part, mut alone) = (b"x".to_vec(), b"x".to_vec());
                assert!(escape_part(&mut part, text, (start, end), Charset::Utf8));
                assert!(escape(&mut alone, &text[start..end], Charset::Utf8));

                assert_eq!(part, alone);
            }
        }
    }

    #[test]
    fn a_control_character_is_a_marked_picture() {
        let mut xml = Vec::new();
        assert!(escape(&mut xml, b"a\x1Fb", Charset::Utf8));

        assert_eq!(std::str::from_utf8(&xml).unwrap(), "a\u{2426}\u{241F}b");
    }

    #[test]
    fn invalid_utf8_is_told() {
        assert!(!escape(&mut Vec::new(), b"\xE9t\xE9", Charset::Utf8));
    }
}
