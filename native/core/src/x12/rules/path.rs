//! Slot paths: from a loop instance to the values that a rule speaks of.

use crate::tables::{GuideTable, SlotPathTable};
use crate::x12::tree::{NONE, Tree};

pub(super) type Texts = Box<[Box<[u8]>]>;

/// One component of the segment has one of these values.
pub(super) struct SlotCondition {
    pub(super) element: u16,
    pub(super) component: u16,
    pub(super) any_of: Texts,
}

/// A slot path with its text compared as bytes.
pub(super) struct Path {
    pub(super) base: u32,
    pub(super) loops: Box<[u32]>,
    pub(super) segments: Box<[u32]>,
    pub(super) conditions: Box<[SlotCondition]>,
    pub(super) elements: Box<[u16]>,
    pub(super) component: u16,
}

/// One value found by a path.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) segment: u32,
    pub(super) slot: u32,
}

pub(super) fn bytes(texts: &[String]) -> Texts {
    texts.iter().map(|text| text.as_bytes().into()).collect()
}

impl Path {
    pub(super) fn compile(table: &SlotPathTable, guide: &GuideTable) -> Result<Self, String> {
        let mut of = table.base;
        for next in &table.loops {
            if guide.loops.get(*next as usize).is_none_or(|found| found.parent != Some(of)) {
                return Err("a path whose loops do not follow each other".into());
            }
            of = *next;
        }
        let fits = (of as usize) < guide.loops.len()
            && table.segments.iter().all(|at| guide.segments.get(*at as usize).is_some_and(|found| found.parent == of));
        if !fits || table.segments.is_empty() {
            return Err("a path to a segment that is not there".into());
        }
        Ok(Self {
            base: table.base,
            loops: table.loops.clone().into(),
            segments: table.segments.clone().into(),
            conditions: table
                .conditions
                .iter()
                .map(|condition| SlotCondition {
                    element: condition.element,
                    component: condition.component,
                    any_of: bytes(&condition.any_of),
                })
                .collect(),
            elements: table.elements.clone().into(),
            component: table.component,
        })
    }

    /// Calls `each` for every value, in document order, until it returns false.
    pub(super) fn walk(&self, tree: &Tree, anchor: u32, each: &mut dyn FnMut(Found) -> bool) -> bool {
        let mut base = anchor;
        while tree.loops[base as usize].node != self.base {
            base = tree.loops[base as usize].parent;
            if base == NONE {
                return true;
            }
        }
        self.descend(tree, base, &self.loops, each)
    }

    fn descend(&self, tree: &Tree, of: u32, loops: &[u32], each: &mut dyn FnMut(Found) -> bool) -> bool {
        if let Some((next, rest)) = loops.split_first() {
            return tree
                .children_of(of)
                .filter(|child| tree.loops[*child as usize].node == *next)
                .all(|child| self.descend(tree, child, rest, each));
        }
        tree.segments_in(of).filter(|segment| self.fits(tree, *segment)).all(|segment| self.values(tree, segment, each))
    }

    fn fits(&self, tree: &Tree, segment: u32) -> bool {
        self.segments.contains(&tree.segments[segment as usize].node)
            && self.conditions.iter().all(|condition| {
                let value = tree.get(segment, condition.element, 0, condition.component);
                condition.any_of.iter().any(|wanted| **wanted == *value)
            })
    }

    fn values(&self, tree: &Tree, segment: u32, each: &mut dyn FnMut(Found) -> bool) -> bool {
        if self.elements.is_empty() {
            return each(Found { segment, slot: NONE });
        }
        let instance = &tree.segments[segment as usize];
        self.elements.iter().all(|element| {
            (instance.first_slot..instance.end_slot)
                .filter(|slot| {
                    let found = &tree.slots[*slot as usize];
                    found.element == *element && (self.component == 0 || found.component == self.component)
                })
                .all(|slot| each(Found { segment, slot }))
        })
    }

    pub(super) fn first(&self, tree: &Tree, anchor: u32) -> Option<Found> {
        let mut first = None;
        self.walk(tree, anchor, &mut |found| {
            first = Some(found);
            false
        });
        first
    }
}

pub(super) fn text(tree: &Tree, found: Found) -> &[u8] {
    if found.slot == NONE { b"" } else { tree.value(&tree.slots[found.slot as usize]) }
}
