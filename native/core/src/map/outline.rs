//! What the map needs to know of a guide: places without wrappers, the order of siblings, dictated values.
//!
//! Wrapper loops (`HEADER`, `DETAIL`) have no segments of their own identity and do not show in paths: their
//! children count as children of the loop around them.

use std::collections::HashSet;

use crate::tables::{ChildTable, CodeSetTable, ElementTable, GuideTable, SegmentTable, Usage};
use crate::x12::tree::NONE;

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts, each asked for alone")]
pub struct LoopPlace {
    pub id: Box<[u8]>,
    /// The nearest enclosing loop that is no wrapper; `NONE` for the set.
    pub parent: u32,
    /// The place among the children of the parent, those of wrappers included.
    pub rank: u32,
    pub wrapper: bool,
    /// Has wrappers among its direct children.
    pub wraps: bool,
    /// Holds items or is one, or begins with HL: rendered with its items, never with the loop around it.
    pub context: bool,
    pub hierarchical: bool,
    /// The segment that every instance begins with; `NONE` in a wrapper.
    pub trigger: u32,
    /// 0 = no limit.
    pub repeat: u32,
    /// Child segments and loops in order of rank.
    pub children: Box<[ChildTable]>,
}

/// Values that numbering gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered {
    No,
    /// ST and SE: written by their own rule, never mapped.
    Envelope,
    Hierarchical,
    Line,
}

#[derive(Debug)]
pub struct Dictated {
    pub element: u16,
    pub component: u16,
    /// Holds wherever the segment is; else only where another component of the composite has a value.
    pub always: bool,
    pub value: Box<[u8]>,
}

#[derive(Debug)]
pub struct SegmentPlace {
    pub id: Box<[u8]>,
    pub parent: u32,
    pub rank: u32,
    /// Element, component and the codes that tell this use from its siblings.
    pub key: Option<(u16, u16)>,
    pub key_codes: HashSet<Box<[u8]>>,
    pub numbered: Numbered,
    /// Required elements and components with one code.
    pub dictated: Box<[Dictated]>,
}

#[derive(Debug)]
pub struct Outline {
    /// ST01.
    pub transaction_set: Box<[u8]>,
    /// ST03 where the set has one.
    pub implementation: Option<Box<[u8]>>,
    pub loops: Box<[LoopPlace]>,
    pub segments: Box<[SegmentPlace]>,
}

/// One bit for each child of a loop by its rank; the last bit stands for all further ones.
pub fn rank_bit(rank: u32) -> u128 {
    1 << rank.min(u128::BITS - 1)
}

impl Outline {
    /// `guide` has been checked by [`crate::program`]: indices point into it and parents come first.
    pub fn new(guide: &GuideTable, code_sets: &[CodeSetTable]) -> Result<Self, String> {
        let mut loops: Vec<LoopPlace> = guide.loops.iter().map(|table| loop_place(guide, table)).collect();
        let mut segments = Vec::with_capacity(guide.segments.len());
        for table in &guide.segments {
            segments.push(segment_place(table, code_sets)?);
        }
        for at in 0..loops.len() {
            if loops[at].wrapper && at > 0 {
                continue;
            }
            let mut flat = Vec::new();
            flatten(guide, at, &mut flat);
            for (rank, child) in flat.iter().enumerate() {
                let (parent, rank) = (at as u32, rank as u32);
                match child {
                    ChildTable::Loop(index) => {
                        (loops[*index as usize].parent, loops[*index as usize].rank) = (parent, rank);
                    }
                    ChildTable::Segment(index) => {
                        (segments[*index as usize].parent, segments[*index as usize].rank) = (parent, rank);
                    }
                }
            }
            loops[at].children = flat.into();
        }
        mark_context(&mut loops, guide);
        let has_implementation = guide.segments.iter().any(|segment| segment.id == "ST" && segment.elements.len() >= 3);
        Ok(Self {
            transaction_set: guide.transaction_set.as_bytes().into(),
            implementation: has_implementation.then(|| guide.id.as_bytes().into()),
            loops: loops.into(),
            segments: segments.into(),
        })
    }

    /// The loops from below the set down to `node`, `node` included.
    pub fn chain(&self, node: u32) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut at = node;
        while at != NONE && at != 0 {
            chain.push(at);
            at = self.loops[at as usize].parent;
        }
        chain.reverse();
        chain
    }

    /// Whether `inner` is `outer` or lies in it.
    pub fn encloses(&self, outer: u32, inner: u32) -> bool {
        let mut at = inner;
        while at != NONE {
            if at == outer {
                return true;
            }
            at = self.loops[at as usize].parent;
        }
        false
    }

    /// The child loop of `parent` with this id.
    pub fn child_loop(&self, parent: u32, id: &[u8]) -> Option<u32> {
        self.loops[parent as usize].children.iter().find_map(|child| match child {
            ChildTable::Loop(at) if *self.loops[*at as usize].id == *id => Some(*at),
            _ => None,
        })
    }
}

fn loop_place(guide: &GuideTable, table: &crate::tables::LoopTable) -> LoopPlace {
    let trigger = match table.children.first() {
        Some(ChildTable::Segment(at)) if !table.wrapper => *at,
        _ => NONE,
    };
    LoopPlace {
        id: table.id.as_bytes().into(),
        parent: NONE,
        rank: 0,
        wrapper: table.wrapper,
        wraps: table
            .children
            .iter()
            .any(|child| matches!(child, ChildTable::Loop(at) if guide.loops[*at as usize].wrapper)),
        context: false,
        hierarchical: trigger != NONE && guide.segments[trigger as usize].id == "HL",
        trigger,
        repeat: table.repeat,
        children: Box::default(),
    }
}

fn flatten(guide: &GuideTable, at: usize, into: &mut Vec<ChildTable>) {
    for child in &guide.loops[at].children {
        match child {
            ChildTable::Loop(index) if guide.loops[*index as usize].wrapper => {
                flatten(guide, *index as usize, into);
            }
            other => into.push(*other),
        }
    }
}

fn mark_context(loops: &mut [LoopPlace], guide: &GuideTable) {
    for place in loops.iter_mut() {
        place.context = place.hierarchical;
    }
    for item in guide.item.iter().flat_map(|item| &item.loops) {
        let mut at = *item;
        while at != NONE && at != 0 {
            loops[at as usize].context = true;
            at = loops[at as usize].parent;
        }
    }
}

fn segment_place(table: &SegmentTable, code_sets: &[CodeSetTable]) -> Result<SegmentPlace, String> {
    let mut dictated = Vec::new();
    for (element, part) in (1..).zip(&table.elements) {
        let is_required = part.usage == Usage::Required;
        if part.components.is_empty() && is_required {
            dictate(&mut dictated, part, code_sets, (element, 1), true);
        }
        if part.usage == Usage::NotUsed {
            continue;
        }
        for (component, part) in (1..).zip(&part.components) {
            if part.usage == Usage::Required {
                dictate(&mut dictated, part, code_sets, (element, component), is_required && component == 1);
            }
        }
    }
    let mut key_codes = HashSet::new();
    if let Some(key) = &table.key {
        let set = code_sets.get(key.code_set as usize).ok_or("a segment key without its code set")?;
        key_codes.extend(set.codes.iter().map(|code| code.as_bytes().into()));
    }
    Ok(SegmentPlace {
        id: table.id.as_bytes().into(),
        parent: 0,
        rank: 0,
        key: table.key.as_ref().map(|key| (key.element, key.component)),
        key_codes,
        numbered: match table.id.as_str() {
            "ST" | "SE" => Numbered::Envelope,
            "HL" => Numbered::Hierarchical,
            "LX" => Numbered::Line,
            _ => Numbered::No,
        },
        dictated: dictated.into(),
    })
}

fn dictate(
    into: &mut Vec<Dictated>,
    part: &ElementTable,
    code_sets: &[CodeSetTable],
    (element, component): (u16, u16),
    always: bool,
) {
    let codes = part.code_set.and_then(|set| code_sets.get(set as usize));
    if let Some([value]) = codes.map(|set| set.codes.as_slice()) {
        into.push(Dictated { element, component, always, value: value.as_bytes().into() });
    }
}
