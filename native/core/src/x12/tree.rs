//! The segments being judged, as a tree of loop instances in one stack-like arena.
//!
//! Loops nest, so what was pushed last is dropped first: closing an item truncates every vector to where
//! the item began, and memory is bounded by the enclosing context plus one item. Values are ranges into
//! `text`; nothing is allocated for a segment. This module knows no guide and no map.

/// Stands for "none" in index fields.
pub const NONE: u32 = u32::MAX;

/// One non-empty simple element, or component of one repetition of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub start: u32,
    pub end: u32,
    /// From 1.
    pub element: u16,
    /// From 0.
    pub repetition: u16,
    /// From 1.
    pub component: u16,
}

#[derive(Debug, Clone, Copy)]
pub struct SegmentInstance {
    /// Index into the guide's segments, `NONE` for a segment that found no place.
    pub node: u32,
    pub parent: u32,
    /// The next segment of the same loop instance in document order (`NONE` = last).
    pub next: u32,
    /// The whole segment without its terminator, in `text`; its id is the first `id_length` bytes.
    pub start: u32,
    pub end: u32,
    pub id_length: u16,
    /// The number of elements, trailing empty ones included.
    pub element_count: u16,
    pub first_slot: u32,
    pub end_slot: u32,
    /// Ordinal in the transaction set, ST = 1.
    pub position: u32,
    /// Of the first byte, in the stream.
    pub offset: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct LoopInstance {
    /// Index into the guide's loops.
    pub node: u32,
    pub parent: u32,
    /// Among the instances of the same loop under the same parent, from 1.
    pub ordinal: u32,
    pub first_segment: u32,
    pub last_segment: u32,
    pub first_child: u32,
    pub last_child: u32,
    pub next_sibling: u32,
    /// The position in the set of the first segment: interleaves loops with the segments of the parent.
    pub position: u32,
    /// How many-th HL segment of the set opened it, from 1; 0 where it is no hierarchical level.
    pub hl_ordinal: u32,
}

/// A place to truncate to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    text: usize,
    slots: usize,
    segments: usize,
    loops: usize,
}

#[derive(Debug, Default)]
pub struct Tree {
    pub text: Vec<u8>,
    pub slots: Vec<Slot>,
    pub segments: Vec<SegmentInstance>,
    pub loops: Vec<LoopInstance>,
}

impl Tree {
    pub fn mark(&self) -> Mark {
        Mark { text: self.text.len(), slots: self.slots.len(), segments: self.segments.len(), loops: self.loops.len() }
    }

    pub fn truncate(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.slots.truncate(mark.slots);
        self.segments.truncate(mark.segments);
        self.loops.truncate(mark.loops);
    }

    pub fn value(&self, slot: &Slot) -> &[u8] {
        &self.text[slot.start as usize..slot.end as usize]
    }

    pub fn slots_of(&self, segment: &SegmentInstance) -> &[Slot] {
        &self.slots[segment.first_slot as usize..segment.end_slot as usize]
    }

    /// The value of one component of one repetition; empty where there is none.
    pub fn get(&self, segment: u32, element: u16, repetition: u16, component: u16) -> &[u8] {
        match self.find(segment, element, repetition, component) {
            Some(index) => self.value(&self.slots[index as usize]),
            None => b"",
        }
    }

    /// The index of that slot in `slots`.
    pub fn find(&self, segment: u32, element: u16, repetition: u16, component: u16) -> Option<u32> {
        let instance = &self.segments[segment as usize];
        let slots = self.slots_of(instance);
        let found = slots
            .iter()
            .position(|slot| slot.element == element && slot.repetition == repetition && slot.component == component)?;
        u32::try_from(found).ok().map(|found| found + instance.first_slot)
    }

    pub fn id(&self, segment: &SegmentInstance) -> &[u8] {
        let start = segment.start as usize;
        &self.text[start..start + segment.id_length as usize]
    }

    /// The segments of a loop instance itself, in document order, without those of its child loops.
    pub fn segments_in(&self, of: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.loops[of as usize].first_segment;
        std::iter::from_fn(move || {
            let index = next;
            (index != NONE).then(|| {
                next = self.segments[index as usize].next;
                index
            })
        })
    }

    /// The child loop instances, in document order.
    pub fn children_of(&self, of: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.loops[of as usize].first_child;
        std::iter::from_fn(move || {
            let index = next;
            (index != NONE).then(|| {
                next = self.loops[index as usize].next_sibling;
                index
            })
        })
    }
}
