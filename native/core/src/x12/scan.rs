//! From bytes to segments and values: delimiters, terminators, binary elements. Knows no guide.

use memchr::memchr;

use crate::x12::tree::{NONE, SegmentInstance, Slot, Tree};

/// ISA with its terminator (X12.5 section 3: fixed width elements 2,10,2,10,2,15,2,15,6,4,1,5,9,1,1,1).
pub const HEADER_LENGTH: usize = 106;
/// Offsets of the sixteen element separators in ISA.
pub const HEADER_SEPARATORS: [usize; 16] = [3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103];
/// No segment of a guide comes near this; what is longer is a missing terminator or an attack.
pub const SEGMENT_CAP: usize = 1 << 20;
/// A binary element is held whole once; attachments of 275 are documents of some megabytes.
pub const BINARY_CAP: usize = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    pub element: u8,
    pub component: u8,
    /// ISA11, from version 00402 on.
    pub repetition: Option<u8>,
    pub terminator: u8,
}

/// Which characters a value may hold, beyond the delimiters (X12.6 section 3.3: basic and extended sets).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CharacterSet {
    /// Capital letters, digits and the punctuation of the basic set.
    Basic,
    /// Every printable ASCII character.
    #[default]
    Extended,
    /// Extended, and any byte above ASCII by agreement.
    Open,
}

impl CharacterSet {
    pub fn allows(self, byte: u8) -> bool {
        match self {
            Self::Basic => byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" !\"&'()*+,-./:;?=".contains(&byte),
            Self::Extended => matches!(byte, b' '..=b'~'),
            Self::Open => matches!(byte, b' '..=b'~' | 0x80..),
        }
    }
}

/// The class of every byte under one set of delimiters and one character set.
#[derive(Clone)]
pub struct ByteClasses([u8; 256]);

const PLAIN: u8 = 0;
const ELEMENT: u8 = 1;
const COMPONENT: u8 = 2;
const REPETITION: u8 = 3;
const SUSPICIOUS: u8 = 4;

impl ByteClasses {
    pub fn new(delimiters: Delimiters, characters: CharacterSet) -> Self {
        let mut classes = [PLAIN; 256];
        for (byte, class) in classes.iter_mut().enumerate() {
            if !characters.allows(byte as u8) {
                *class = SUSPICIOUS;
            }
        }
        if let Some(repetition) = delimiters.repetition {
            classes[repetition as usize] = REPETITION;
        }
        classes[delimiters.component as usize] = COMPONENT;
        classes[delimiters.element as usize] = ELEMENT;
        Self(classes)
    }
}

/// Where the next segment ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Extent {
    /// The segment is `bytes[..length]`; the terminator is at `length`.
    Whole { length: usize, binary: Option<Binary> },
    /// No terminator yet.
    Partial,
    /// Longer than any segment may be.
    TooLong,
}

/// A binary element inside the segment: its position (from 1) and its byte range in the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary {
    pub element: u16,
    pub start: usize,
    /// False where the declared length does not lead to a terminator.
    pub exact: bool,
}

/// Finds the end of the segment at the start of `bytes`.
pub fn extent(bytes: &[u8], delimiters: Delimiters) -> Extent {
    match binary_extent(bytes, delimiters) {
        Some(found) => found,
        None => match memchr(delimiters.terminator, &bytes[..bytes.len().min(SEGMENT_CAP)]) {
            Some(length) => Extent::Whole { length, binary: None },
            None if bytes.len() >= SEGMENT_CAP => Extent::TooLong,
            None => Extent::Partial,
        },
    }
}

/// BIN*length*data and BDS*filter*length*data: the length counts octets, data may hold any byte.
fn binary_extent(bytes: &[u8], delimiters: Delimiters) -> Option<Extent> {
    let skipped = match bytes.get(..3) {
        Some(b"BIN") => 0,
        Some(b"BDS") => 1,
        _ => return None,
    };
    if bytes.get(3).is_some_and(|byte| *byte != delimiters.element) {
        return None;
    }
    let mut start = 4;
    for _ in 0..skipped {
        match memchr(delimiters.element, bytes.get(start..).unwrap_or(b"")) {
            Some(found) => start += found + 1,
            None if bytes.len() < 64 => return Some(Extent::Partial),
            None => return None,
        }
    }
    let rest = bytes.get(start..).unwrap_or(b"");
    let digits = rest.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    let Some(after) = rest.get(digits) else { return Some(Extent::Partial) };
    if digits == 0 || *after != delimiters.element {
        return None;
    }
    let length = rest[..digits].iter().fold(0_usize, |total, digit| total * 10 + usize::from(digit - b'0'));
    if length > BINARY_CAP {
        return Some(Extent::TooLong);
    }
    let data = start + digits + 1;
    let element = 2 + skipped;
    match bytes.get(data + length) {
        Some(byte) if *byte == delimiters.terminator => {
            Some(Extent::Whole { length: data + length, binary: Some(Binary { element, start: data, exact: true }) })
        }
        Some(_) => Some(match memchr(delimiters.terminator, &bytes[data..]) {
            Some(found) => {
                Extent::Whole { length: data + found, binary: Some(Binary { element, start: data, exact: false }) }
            }
            None if bytes.len() - data >= SEGMENT_CAP.max(length + 1) => Extent::TooLong,
            None => Extent::Partial,
        }),
        None => Some(Extent::Partial),
    }
}

/// One segment as scanned: its slots are relative to its own bytes.
#[derive(Debug, Default)]
pub struct Scanned {
    pub slots: Vec<Slot>,
    pub id_length: usize,
    /// Trailing empty elements included.
    pub element_count: u16,
    /// Some byte is outside the character set in use.
    pub suspicious: bool,
    pub trailing_separator: bool,
}

impl Scanned {
    /// The first repetition of one component; empty where there is none.
    fn get<'a>(&self, segment: &'a [u8], element: u16, component: u16) -> &'a [u8] {
        self.slots
            .iter()
            .find(|slot| slot.element == element && slot.repetition == 0 && slot.component == component)
            .map_or(b"", |slot| &segment[slot.start as usize..slot.end as usize])
    }
}

/// Notes the values of one segment in `into`, which is reused from segment to segment.
pub fn split(into: &mut Scanned, segment: &[u8], binary: Option<Binary>, classes: &ByteClasses) {
    into.slots.clear();
    into.suspicious = false;
    let scanned = binary.map_or(segment.len(), |binary| binary.start);
    let id_length = segment[..scanned].iter().position(|byte| classes.0[*byte as usize] == ELEMENT).unwrap_or(scanned);
    into.id_length = id_length;
    if id_length == segment.len() {
        into.element_count = 0;
        into.trailing_separator = false;
        return;
    }
    let mut splitter = Splitter { start: id_length + 1, element: 1, repetition: 0, component: 1 };
    for (at, byte) in segment[..scanned].iter().enumerate().skip(id_length + 1) {
        match classes.0[*byte as usize] {
            PLAIN => {}
            SUSPICIOUS => into.suspicious = true,
            class => splitter.close(&mut into.slots, at, class),
        }
    }
    if let Some(binary) = binary {
        splitter.element = binary.element;
        splitter.start = binary.start;
    }
    into.element_count = splitter.element;
    let last = segment.last().map_or(PLAIN, |byte| classes.0[*byte as usize]);
    into.trailing_separator = binary.is_none() && matches!(last, ELEMENT | COMPONENT | REPETITION);
    splitter.close(&mut into.slots, segment.len(), ELEMENT);
}

/// One segment on its way through the judge.
#[derive(Clone, Copy)]
pub struct SegmentText<'a> {
    pub bytes: &'a [u8],
    pub scanned: &'a Scanned,
    /// In the set, ST = 1.
    pub position: u32,
    /// Of its first byte, in the stream.
    pub offset: u64,
}

impl<'a> SegmentText<'a> {
    pub fn id(&self) -> &'a [u8] {
        &self.bytes[..self.scanned.id_length]
    }

    /// What may be shown of an id: no longer than any real one.
    pub fn id_prefix(&self) -> &'a [u8] {
        &self.bytes[..self.scanned.id_length.min(3)]
    }

    /// The first repetition of one component; empty where there is none.
    pub fn get(&self, element: u16, component: u16) -> &'a [u8] {
        self.scanned.get(self.bytes, element, component)
    }

    /// Where the next segment may begin in the stream.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64 + 1
    }
}

/// Copies one scanned segment to the end of the tree; `parent`, `node` and `next` are the walker's.
pub fn append(tree: &mut Tree, segment: &SegmentText) -> u32 {
    let SegmentText { bytes, scanned, position, offset } = *segment;
    let base = tree.text.len() as u32;
    let first_slot = tree.slots.len() as u32;
    tree.text.extend_from_slice(bytes);
    tree.slots.extend(scanned.slots.iter().map(|slot| Slot {
        start: slot.start + base,
        end: slot.end + base,
        ..*slot
    }));
    let index = tree.segments.len() as u32;
    tree.segments.push(SegmentInstance {
        node: NONE,
        parent: NONE,
        next: NONE,
        start: base,
        end: base + bytes.len() as u32,
        id_length: scanned.id_length.min(usize::from(u16::MAX)) as u16,
        element_count: scanned.element_count,
        first_slot,
        end_slot: tree.slots.len() as u32,
        position,
        offset,
    });
    index
}

struct Splitter {
    start: usize,
    element: u16,
    repetition: u16,
    component: u16,
}

impl Splitter {
    fn close(&mut self, slots: &mut Vec<Slot>, end: usize, class: u8) {
        if end > self.start {
            slots.push(Slot {
                start: self.start as u32,
                end: end as u32,
                element: self.element,
                repetition: self.repetition,
                component: self.component,
            });
        }
        self.start = end + 1;
        match class {
            COMPONENT => self.component = self.component.saturating_add(1),
            REPETITION => {
                self.repetition = self.repetition.saturating_add(1);
                self.component = 1;
            }
            _ => {
                self.element = self.element.saturating_add(1);
                self.repetition = 0;
                self.component = 1;
            }
        }
    }
}

/// Splits a segment without a tree, for envelope segments: index 0 is the id.
pub fn elements(segment: &[u8], delimiters: Delimiters) -> Vec<Vec<u8>> {
    segment.split(|byte| *byte == delimiters.element).take(MAX_ENVELOPE_ELEMENTS).map(<[u8]>::to_vec).collect()
}

/// ISA has 16; more elements in an envelope segment say nothing.
const MAX_ENVELOPE_ELEMENTS: usize = 24;
