//! A guide ready to be walked: transitions, required children, elements and code sets, all by index.
//!
//! Built once from tables whose indices `program` has checked; immutable and shared by threads.

use std::collections::HashSet;

use regex::bytes::Regex;

use crate::tables::{ChildTable, CodeSetTable, DataType, ElementTable, GuideTable, SegmentTable, Usage};
use crate::x12::tree::NONE;
use crate::x12::ways::Ways;

/// A code list with constant-time lookup.
pub struct CodeSet {
    /// Codes of up to 15 bytes, packed with their length into one word; open addressing.
    packed: Box<[u128]>,
    mask: usize,
    /// The one code of a list of one, which is what most qualifiers are; 0 = there are more.
    single: u128,
    longer: HashSet<Box<[u8]>>,
}

const PACKED_MAX: usize = 15;

/// A code as one word; `None` where it is too long for that.
pub fn pack(code: &[u8]) -> Option<u128> {
    if code.len() > PACKED_MAX {
        return None;
    }
    if code.len() <= 7 {
        let short = code.iter().fold(code.len() as u64, |word, byte| (word << 8) | u64::from(*byte));
        return Some(u128::from(short));
    }
    Some(code.iter().fold(code.len() as u128, |word, byte| (word << 8) | u128::from(*byte)))
}

fn spread(word: u128) -> usize {
    let folded = (word as u64) ^ ((word >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
}

impl CodeSet {
    pub fn new(table: &CodeSetTable) -> Self {
        let size = (table.codes.len() * 2 + 2).next_power_of_two();
        let mut set = Self { packed: vec![0; size].into(), mask: size - 1, single: 0, longer: HashSet::new() };
        for code in table.codes.iter().filter(|code| !code.is_empty()) {
            match pack(code.as_bytes()) {
                None => {
                    set.longer.insert(code.as_bytes().into());
                }
                Some(word) => {
                    let mut at = spread(word) & set.mask;
                    while set.packed[at] != 0 && set.packed[at] != word {
                        at = (at + 1) & set.mask;
                    }
                    set.packed[at] = word;
                    set.single = if table.codes.len() == 1 { word } else { 0 };
                }
            }
        }
        set
    }

    pub fn contains(&self, code: &[u8]) -> bool {
        match pack(code) {
            Some(word) => self.contains_packed(word),
            None => self.longer.contains(code),
        }
    }

    /// The same for a code already packed.
    pub fn contains_packed(&self, word: u128) -> bool {
        if self.single != 0 {
            return self.single == word;
        }
        let mut at = spread(word) & self.mask;
        loop {
            match self.packed[at] {
                0 => return false,
                found if found == word => return true,
                _ => at = (at + 1) & self.mask,
            }
        }
    }
}

/// One element, or one component of a composite.
pub struct Element {
    pub usage: Usage,
    pub data_type: DataType,
    pub min_length: u32,
    pub max_length: u32,
    pub code_set: u32,
    pub pattern: Option<Box<Regex>>,
    pub repeat: u16,
    pub format_by: u16,
    pub components: Box<[Element]>,
}

impl Element {
    fn new(table: &ElementTable) -> Result<Self, String> {
        Ok(Self {
            usage: table.usage,
            data_type: table.data_type,
            min_length: table.min_length,
            max_length: table.max_length,
            code_set: table.code_set.unwrap_or(NONE),
            pattern: match &table.pattern {
                Some(text) => Some(Box::new(Regex::new(&format!("^(?:{text})$")).map_err(|_| {
                    format!("element {}: the pattern is not a regular expression", table.data_element)
                })?)),
                None => None,
            },
            repeat: u16::try_from(table.repeat).unwrap_or(0),
            format_by: table.format_by,
            components: table.components.iter().map(Element::new).collect::<Result<_, _>>()?,
        })
    }
}

/// A child that must be there when its loop moves past `position` or closes.
#[derive(Clone, Copy)]
pub struct Required {
    pub position: u32,
    pub child: ChildTable,
}

/// A syntax note over the set of elements present (X12.6 section 3.7), as bits: bit 0 is element 1.
pub struct SyntaxNote {
    pub kind: char,
    pub first: u64,
    pub all: u64,
}

impl SyntaxNote {
    pub fn broken(&self, present: u64) -> bool {
        let others = self.all & !self.first;
        match self.kind {
            'P' => present & self.all != 0 && present & self.all != self.all,
            'R' => present & self.all == 0,
            'C' => present & self.first != 0 && present & others != others,
            'L' => present & self.first != 0 && present & others == 0,
            'E' => (present & self.all).count_ones() > 1,
            _ => false,
        }
    }
}

/// The bit of an element in sets of elements; no segment of any guide has more than 64.
pub fn element_bit(element: u16) -> u64 {
    1_u64.checked_shl(u32::from(element).wrapping_sub(1)).unwrap_or(0)
}

pub struct Segment {
    pub id: u32,
    pub elements: Box<[Element]>,
    /// The required elements.
    pub required: u64,
    pub syntax: Box<[SyntaxNote]>,
    /// Its place in [`Ways`]: segments at one position of one loop share it.
    pub place: u32,
}

/// `CLM` as a number; ids of more than four bytes are nobody's id.
pub fn packed_id(id: &[u8]) -> u32 {
    if id.len() > 4 {
        return 0;
    }
    id.iter().fold(0, |packed, byte| (packed << 8) | u32::from(*byte))
}

pub struct Guide {
    pub table: GuideTable,
    pub segments: Box<[Segment]>,
    pub ways: Ways,
    pub required: Box<[Box<[Required]>]>,
    /// Loops whose instances are items.
    pub is_item: Box<[bool]>,
    /// Loops that enclose items.
    pub encloses_item: Box<[bool]>,
    /// Loops triggered by HL.
    pub hierarchical: Box<[bool]>,
    pub known_segments: HashSet<u32>,
    pub in_guide: HashSet<u32>,
}

impl Guide {
    pub fn new(table: GuideTable) -> Result<Self, String> {
        let (ways, places) = Ways::new(&table);
        let segments = table
            .segments
            .iter()
            .zip(&places)
            .map(|(found, place)| segment(found, *place))
            .collect::<Result<Box<[Segment]>, String>>()?;
        let required = table.loops.iter().map(|of| required(&table, &of.children)).collect();
        let (is_item, encloses_item) = item_relations(&table);
        let hierarchical = table
            .loops
            .iter()
            .map(|of| match of.children.first() {
                Some(ChildTable::Segment(first)) => table.segments[*first as usize].id == "HL",
                _ => false,
            })
            .collect();
        let known_segments = table.known_segments.iter().map(|id| packed_id(id.as_bytes())).collect();
        let in_guide = table.segments.iter().map(|segment| packed_id(segment.id.as_bytes())).collect();
        Ok(Self { table, segments, ways, required, is_item, encloses_item, hierarchical, known_segments, in_guide })
    }

    /// The segment that opens a loop; of a wrapper, that of its first loop.
    pub fn trigger(&self, of: u32) -> Option<u32> {
        match self.table.loops[of as usize].children.first()? {
            ChildTable::Segment(segment) => Some(*segment),
            ChildTable::Loop(inner) => self.trigger(*inner),
        }
    }
}

fn ancestors(table: &GuideTable, of: u32) -> impl Iterator<Item = u32> + '_ {
    std::iter::successors(table.loops[of as usize].parent, |parent| table.loops[*parent as usize].parent)
}

fn item_relations(table: &GuideTable) -> (Box<[bool]>, Box<[bool]>) {
    let count = table.loops.len();
    let (mut is_item, mut encloses) = (vec![false; count], vec![false; count]);
    if let Some(item) = &table.item {
        for of in &item.loops {
            is_item[*of as usize] = true;
            for above in ancestors(table, *of) {
                encloses[above as usize] = true;
            }
        }
    }
    (is_item.into(), encloses.into())
}

fn bits(elements: impl Iterator<Item = u16>) -> u64 {
    elements.fold(0, |set, element| set | element_bit(element))
}

fn required(table: &GuideTable, children: &[ChildTable]) -> Box<[Required]> {
    children
        .iter()
        .filter_map(|child| {
            let (usage, position) = match child {
                ChildTable::Loop(of) => (table.loops[*of as usize].usage, table.loops[*of as usize].position),
                // A missing SE is the envelope's to report (IK502 2).
                ChildTable::Segment(of) if table.segments[*of as usize].id == "SE" => return None,
                ChildTable::Segment(of) => (table.segments[*of as usize].usage, table.segments[*of as usize].position),
            };
            (usage == Usage::Required).then_some(Required { position, child: *child })
        })
        .collect()
}

fn segment(segment: &SegmentTable, place: u32) -> Result<Segment, String> {
    Ok(Segment {
        id: packed_id(segment.id.as_bytes()),
        elements: segment.elements.iter().map(Element::new).collect::<Result<_, _>>()?,
        required: bits(
            segment
                .elements
                .iter()
                .zip(1_u16..)
                .filter(|(element, _)| element.usage == Usage::Required)
                .map(|(_, number)| number),
        ),
        syntax: segment
            .syntax
            .iter()
            .map(|note| SyntaxNote {
                kind: note.kind,
                first: note.elements.first().map_or(0, |first| element_bit(*first)),
                all: bits(note.elements.iter().copied()),
            })
            .collect(),
        place,
    })
}
