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
    /// For each block what it wants of the loop, as of the runs; close together, for most rules end here.
    pub wanted: Box<[u128]>,
    /// For each block the names of its element.
    pub names: Box<[Names]>,
}

/// Attributes that read the segments of one route, each by conditions of its own.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// The children of the loop by rank, one of which must be there; all bits where the rules do not say.
    pub wanted: u128,
    /// Index of the first attribute in the body.
    pub first: usize,
    pub reads: Box<[Read]>,
}

/// `<name` and `</name>`.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub begin: Piece,
    pub end: Piece,
}

impl Names {
    pub fn new(name: &str) -> Self {
        Self { begin: Piece::new(format!("<{name}").as_bytes()), end: Piece::new(format!("</{name}>").as_bytes()) }
    }
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

/// Bytes that are appended as one block of a fixed size, without a call; what was too much is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    block: [u8; Piece::BLOCK],
    padding: usize,
    /// What the block cannot hold.
    rest: Box<[u8]>,
}

impl Piece {
    /// Few names and words are longer.
    const BLOCK: usize = 32;

    pub fn new(bytes: &[u8]) -> Self {
        let (start, rest) = bytes.split_at(bytes.len().min(Self::BLOCK));
        let mut block = [0; Self::BLOCK];
        block[..start.len()].copy_from_slice(start);
        Self { block, padding: Self::BLOCK - start.len(), rest: rest.into() }
    }

    #[inline]
    pub fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.block);
        out.truncate(out.len() - self.padding);
        if !self.rest.is_empty() {
            out.extend_from_slice(&self.rest);
        }
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

/// The place of a slot in its segment as a number: slots stand in this order.
#[inline]
pub(crate) fn key(element: u16, repetition: u16, component: u16) -> u64 {
    u64::from(element) << 32 | u64::from(repetition) << 16 | u64::from(component)
}

#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// From 1; 0 = the current composite.
    pub element: u16,
    pub component: u16,
    /// Of the first repetition of the element.
    pub key: u64,
    /// The one value wanted, [`LONG`] where it is another: `any_of` has it.
    pub only: u64,
    any_of: Box<[Box<[u8]>]>,
}

impl Condition {
    fn new(table: &ConditionTable) -> Self {
        let only = match table.any_of.as_slice() {
            [only] => word(only.as_bytes()),
            _ => LONG,
        };
        Self {
            element: table.element,
            component: table.component,
            key: key(table.element, 0, table.component),
            only,
            any_of: table.any_of.iter().map(|value| value.as_bytes().into()).collect(),
        }
    }

    pub fn has(&self, value: &[u8]) -> bool {
        self.any_of.iter().any(|wanted| **wanted == *value)
    }

    /// With one value it is written back as a constant, so its slot is taken too.
    pub fn is_constant(&self) -> bool {
        self.any_of.len() == 1
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
    BodyPlan {
        runs: runs.into(),
        wanted: body.blocks.iter().map(wanted).collect(),
        names: body.blocks.iter().map(|block| Names::new(&block.element)).collect(),
    }
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
