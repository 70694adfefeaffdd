//! What reading looks at for each rule, laid out close together when a mapping is compiled.
//!
//! A document is some hundred attributes, of which most rules end at their first look. What can be known of a rule
//! beforehand (its bytes, its conditions as words, the loop children it wants) is worked out here, once.

use crate::map::outline::{Outline, rank_bit};
use crate::map::tables::{
    AttributeTable, BlockTable, BodyTable, CodecTable, ConditionTable, PlaceTable, RouteTable, SlotTable,
};

/// The rules of one body as reading wants them.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyPlan {
    /// The attributes in their order, those side by side that look for their segment at one place together.
    pub runs: Box<[Run]>,
    /// For each block: the children of the loop by rank, one of which must be there; all bits where it does not say.
    pub blocks: Box<[u128]>,
}

/// Attributes that read the segments of one route, each by conditions of its own.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// As of the blocks.
    pub wanted: u128,
    /// Index of the first attribute in the body.
    pub first: usize,
    pub reads: Box<[Read]>,
}

#[derive(Debug, Clone)]
pub(crate) struct Read {
    /// ` name="`.
    pub opening: Piece,
    pub place: PlaceTable,
    pub codec: CodecTable,
    pub derived: bool,
    /// Which of the segments.
    pub selects: Box<[Condition]>,
    /// Whether its value is meant.
    pub conditions: Box<[Condition]>,
}

/// Bytes in blocks of a fixed size, which are appended without a call.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    blocks: Box<[[u8; Piece::BLOCK]]>,
    padding: usize,
}

impl Piece {
    const BLOCK: usize = 16;

    pub fn new(bytes: &[u8]) -> Self {
        let blocks: Box<[_]> = bytes
            .chunks(Self::BLOCK)
            .map(|part| {
                let mut block = [0; Self::BLOCK];
                block[..part.len()].copy_from_slice(part);
                block
            })
            .collect();
        Self { padding: blocks.len() * Self::BLOCK - bytes.len(), blocks }
    }

    #[inline]
    pub fn push(&self, out: &mut Vec<u8>) {
        for block in &self.blocks {
            out.extend_from_slice(block);
        }
        out.truncate(out.len() - self.padding);
    }
}

/// A short value as one word, its length in the highest byte; 0 = empty or absent, [`LONG`] = too long for a word.
#[inline]
pub(crate) fn word(value: &[u8]) -> u64 {
    if value.len() > 7 {
        return LONG;
    }
    value.iter().fold(value.len() as u64, |word, byte| word << 8 | u64::from(*byte))
}

pub(crate) const LONG: u64 = u64::MAX;

#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// From 1; 0 = the current composite.
    pub element: u16,
    pub component: u16,
    /// The values that fit into words, and those that do not.
    words: Box<[u64]>,
    long: Box<[Box<[u8]>]>,
}

impl Condition {
    fn new(table: &ConditionTable) -> Self {
        let (long, short): (Vec<&[u8]>, Vec<&[u8]>) =
            table.any_of.iter().map(String::as_bytes).partition(|value| word(value) == LONG);
        Self {
            element: table.element,
            component: table.component,
            words: short.into_iter().map(word).collect(),
            long: long.into_iter().map(Box::from).collect(),
        }
    }

    #[inline]
    pub fn holds<'a>(&self, word: u64, value: impl FnOnce() -> &'a [u8]) -> bool {
        match *self.words {
            [only] if only == word => true,
            [_] | [] if word != LONG => false,
            ref words => words.contains(&word) || (word == LONG && self.is_long(value())),
        }
    }

    fn is_long(&self, value: &[u8]) -> bool {
        self.long.iter().any(|wanted| **wanted == *value)
    }

    /// With one value it is written back as a constant, so its slot is taken too.
    #[inline]
    pub fn is_constant(&self) -> bool {
        self.words.len() + self.long.len() == 1
    }
}

/// Plans the body, whose rules run on the loop `scope` (`None` inside a segment); its routes know what they want.
pub(crate) fn plan(body: &BodyTable, scope: Option<u32>) -> BodyPlan {
    let gate = |route: Option<&RouteTable>| match route {
        Some(route) if Some(route.base) == scope => route.wanted,
        _ => u128::MAX,
    };
    let mut runs: Vec<Run> = Vec::new();
    let mut first = 0;
    for together in body.attributes.chunk_by(|left, right| is_together(&left.slot, &right.slot)) {
        let wanted = gate(together[0].slot.route.as_ref());
        runs.push(Run { wanted, first, reads: together.iter().map(read).collect() });
        first += together.len();
    }
    let wanted =
        |block: &BlockTable| block.branches.iter().fold(0, |bits, branch| bits | gate(branch.unit.route.as_ref()));
    BodyPlan { runs: runs.into(), blocks: body.blocks.iter().map(wanted).collect() }
}

fn is_together(left: &SlotTable, right: &SlotTable) -> bool {
    match (&left.route, &right.route) {
        (Some(left), Some(right)) => {
            left.base == right.base && left.loops == right.loops && left.segments == right.segments
        }
        (None, None) => true,
        _ => false,
    }
}

fn read(attribute: &AttributeTable) -> Read {
    let selects = attribute.slot.route.iter().flat_map(|route| &route.conditions);
    Read {
        opening: Piece::new(format!(" {}=\"", attribute.name).as_bytes()),
        place: attribute.slot.place,
        codec: attribute.codec,
        derived: attribute.derived,
        selects: selects.map(Condition::new).collect(),
        conditions: attribute.slot.conditions.iter().map(Condition::new).collect(),
    }
}

/// The children of the route's base, by rank, one of which must be there for it to lead anywhere.
pub(crate) fn wanted(route: &RouteTable, outline: &Outline) -> u128 {
    match route.loops.first() {
        Some(first) => rank_bit(outline.loops[*first as usize].rank),
        None if route.segments.is_empty() => u128::MAX,
        None => {
            route.segments.iter().fold(0, |bits, segment| bits | rank_bit(outline.segments[*segment as usize].rank))
        }
    }
}
