//! What no rule took: `other` for values and `order` where the source departs from the guide's order.

use crate::map::context::ValueCounts;
use crate::map::labels::{push_ordinal, push_segment, push_slot};
use crate::map::outline::{Dictated, Numbered, SegmentPlace};
use crate::map::read::locate::{Child, View};
use crate::map::read::rules::Scratch;
use crate::map::read::splice::Chunk;
use crate::map::text::escape;
use crate::x12::tree::{NONE, SegmentInstance, Slot};

impl Scratch {
    /// Walks a loop; `owner` and the path from it hold until a loop inside has an owner of its own.
    pub fn residue_of_loop(&mut self, view: View, instance: u32, owner: u32, counts: &mut ValueCounts) {
        let host = self.owner_of_loop(instance);
        let is_host = host != NONE && host != owner;
        let kept = if is_host { std::mem::take(&mut self.path) } else { Vec::new() };
        let owner = if is_host { host } else { owner };
        let first = self.children.len();
        let mut children = std::mem::take(&mut self.children);
        view.children(instance, &mut children);
        let end = children.len();
        self.children = children;
        self.order_of(view, first, end, owner);
        for index in first..end {
            match self.children[index] {
                Child::Segment(segment) => self.residue_of_segment(view, segment, (first, index), owner, counts),
                Child::Loop(child) => {
                    let length = self.path.len();
                    self.push_loop_step(view, child);
                    self.residue_of_loop(view, child, owner, counts);
                    self.path.truncate(length);
                }
            }
        }
        self.children.truncate(first);
        if is_host {
            self.path = kept;
        }
    }

    fn push_loop_step(&mut self, view: View, instance: u32) {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        let of = &view.tree.loops[instance as usize];
        self.path.extend_from_slice(&view.mapping.outline.loops[of.node as usize].id);
        push_ordinal(&mut self.path, of.ordinal);
    }

    fn order_of(&mut self, view: View, first: usize, end: usize, owner: u32) {
        let ranks = self.children[first..end].iter().map(|child| rank(view, *child));
        if ranks.is_sorted_by(|left, right| left.is_some() && right.is_some() && left <= right)
            && (end - first != 1 || rank(view, self.children[first]).is_some())
        {
            return;
        }
        let start = self.residue.len();
        self.residue.extend_from_slice(b"<order");
        self.push_at();
        self.residue.push(b'>');
        for index in first..end {
            if index > first {
                self.residue.push(b' ');
            }
            let mut label = Vec::new();
            push_label(view, &self.children[first..end], index - first, &mut label);
            if !escape(&mut self.residue, &label, self.charset) {
                self.invalid = true;
            }
        }
        self.residue.extend_from_slice(b"</order>");
        self.chunks.push(Chunk { owner, start, end: self.residue.len() });
    }

    fn push_at(&mut self) {
        if !self.path.is_empty() {
            self.residue.extend_from_slice(b" at=\"");
            self.residue.extend_from_slice(&self.path);
            self.residue.push(b'"');
        }
    }

    fn residue_of_segment(
        &mut self,
        view: View,
        segment: u32,
        (first, index): (usize, usize),
        owner: u32,
        counts: &mut ValueCounts,
    ) {
        let instance = &view.tree.segments[segment as usize];
        let place = (instance.node != NONE).then(|| &view.mapping.outline.segments[instance.node as usize]);
        if place.is_some_and(|place| place.dictated.is_empty() && place.numbered == Numbered::No)
            && self.touched.has(segment)
            && self.claimed.has_all(instance.first_slot, instance.end_slot)
        {
            counts.named += u64::from(instance.end_slot - instance.first_slot);
            return;
        }
        let mut left = 0;
        for (slot, index) in view.tree.slots_of(instance).iter().zip(instance.first_slot..) {
            if self.claimed.has(index) {
                counts.named += 1;
            } else if is_given(view, instance, place, slot) {
                counts.dictated += 1;
            } else {
                left += 1;
            }
        }
        counts.other += left;
        let own = self.owner_of_segment(segment);
        let is_written =
            own != NONE || self.touched.has(segment) || place.is_some_and(|place| place.numbered != Numbered::No);
        let missing = place.is_some_and(|place| is_missing(view, segment, instance, place, &mut |_, _| true));
        if left == 0 && !missing && (is_written || self.is_implied(view, instance, first, index)) {
            return;
        }
        let start = self.residue.len();
        self.residue.extend_from_slice(b"<other");
        let owner = if own == NONE {
            let length = self.path.len();
            if length > 0 {
                self.path.push(b'/');
            }
            let mut label = Vec::new();
            push_label(view, &self.children[first..], index - first, &mut label);
            self.path.extend_from_slice(&label);
            self.push_at();
            self.path.truncate(length);
            owner
        } else {
            own
        };
        self.residue.extend_from_slice(if is_written { b"" } else { b" whole=\"true\"" });
        self.residue.push(b'>');
        self.values(view, instance, place);
        if let Some(place) = place {
            let mut residue = std::mem::take(&mut self.residue);
            is_missing(view, segment, instance, place, &mut |element, component| {
                residue.extend_from_slice(b"<value slot=\"");
                push_slot(&mut residue, element, 0, component);
                residue.extend_from_slice(b"\"/>");
                false
            });
            self.residue = residue;
        }
        self.residue.extend_from_slice(b"</other>");
        self.chunks.push(Chunk { owner, start, end: self.residue.len() });
    }

    /// A trigger that the guide dictates whole: writing begins its loop with it when anything else is inside.
    fn is_implied(&self, view: View, instance: &SegmentInstance, first: usize, index: usize) -> bool {
        let of = &view.mapping.outline.loops[view.node(instance.parent) as usize];
        instance.node == of.trigger && index == first && self.children.len() > first + 1
    }

    fn values(&mut self, view: View, instance: &SegmentInstance, place: Option<&SegmentPlace>) {
        for (slot, index) in view.tree.slots_of(instance).iter().zip(instance.first_slot..) {
            if self.claimed.has(index) || is_given(view, instance, place, slot) {
                continue;
            }
            self.residue.extend_from_slice(b"<value slot=\"");
            push_slot(&mut self.residue, slot.element, slot.repetition, slot.component);
            self.residue.extend_from_slice(b"\">");
            if !escape(&mut self.residue, view.tree.value(slot), self.charset) {
                self.invalid = true;
            }
            self.residue.extend_from_slice(b"</value>");
        }
    }
}

#[inline]
fn rank(view: View, child: Child) -> Option<u32> {
    match child {
        Child::Loop(at) => Some(view.mapping.outline.loops[view.node(at) as usize].rank),
        Child::Segment(at) => {
            let node = view.tree.segments[at as usize].node;
            (node != NONE).then(|| view.mapping.outline.segments[node as usize].rank)
        }
    }
}

fn key(view: View<'_>, segment: u32) -> Option<&[u8]> {
    let node = view.tree.segments[segment as usize].node;
    let (element, component) = view.mapping.outline.segments.get(node as usize)?.key?;
    Some(view.tree.get(segment, element, 0, component))
}

fn push_label(view: View, siblings: &[Child], index: usize, out: &mut Vec<u8>) {
    match siblings[index] {
        Child::Loop(at) => {
            let of = &view.tree.loops[at as usize];
            out.extend_from_slice(&view.mapping.outline.loops[of.node as usize].id);
            push_ordinal(out, of.ordinal);
        }
        Child::Segment(at) => {
            let of = &view.tree.segments[at as usize];
            let (id, key_value) = (view.tree.id(of), key(view, at));
            let is_same = |other: &&Child| {
                let Child::Segment(other) = **other else { return false };
                let sibling = &view.tree.segments[other as usize];
                (sibling.node == NONE) == (of.node == NONE)
                    && view.tree.id(sibling) == id
                    && key(view, other) == key_value
            };
            let before = siblings[..index].iter().filter(is_same).count();
            push_segment(out, id, of.node != NONE, key_value);
            push_ordinal(out, before as u32 + 1);
        }
    }
}

/// Whether writing would give this value without being told.
fn is_given(view: View, instance: &SegmentInstance, place: Option<&SegmentPlace>, slot: &Slot) -> bool {
    let Some(place) = place else { return false };
    if slot.repetition > 0 {
        return false;
    }
    let value = view.tree.value(slot);
    let is_dictated = place.dictated.iter().any(|on| {
        on.element == slot.element
            && on.component == slot.component
            && *on.value == *value
            && (on.always || has_other_component(view, instance, on))
    });
    is_dictated || (slot.component == 1 && is_number_given(view, instance, place, slot.element, value))
}

fn has_other_component(view: View, instance: &SegmentInstance, on: &Dictated) -> bool {
    view.tree
        .slots_of(instance)
        .iter()
        .any(|slot| slot.element == on.element && slot.repetition == 0 && slot.component != on.component)
}

fn is_number_given(view: View, instance: &SegmentInstance, place: &SegmentPlace, element: u16, value: &[u8]) -> bool {
    match expected_number(view, instance, place, element) {
        Some(expected) => is_decimal(value, expected),
        None => false,
    }
}

/// Whether the value is the number as writing gives it, without leading zeros.
fn is_decimal(value: &[u8], number: u64) -> bool {
    let mut rest = number;
    for (index, digit) in value.iter().rev().enumerate() {
        if *digit != b'0' + (rest % 10) as u8 || (rest == 0 && index > 0) {
            return false;
        }
        rest /= 10;
    }
    rest == 0 && !value.is_empty()
}

/// The number that writing puts into this element, where it puts one.
fn expected_number(view: View, instance: &SegmentInstance, place: &SegmentPlace, element: u16) -> Option<u64> {
    let of = &view.tree.loops[instance.parent as usize];
    match (place.numbered, element) {
        (Numbered::Line, 1) => Some(of.ordinal.into()),
        (Numbered::Hierarchical, 1) => Some(of.hl_ordinal.into()),
        (Numbered::Hierarchical, 2) => {
            let parent = &view.tree.loops[of.parent as usize];
            (parent.hl_ordinal > 0).then_some(parent.hl_ordinal.into())
        }
        (Numbered::Hierarchical, 4) => {
            let is_parent = view
                .tree
                .children_of(instance.parent)
                .any(|child| view.mapping.outline.loops[view.node(child) as usize].hierarchical);
            Some(is_parent.into())
        }
        _ => None,
    }
}

/// Tells of each value that writing would give but the source lacks, until `tell` says stop.
fn is_missing(
    view: View,
    segment: u32,
    instance: &SegmentInstance,
    place: &SegmentPlace,
    tell: &mut dyn FnMut(u16, u16) -> bool,
) -> bool {
    let lacks = |element, component| view.tree.find(segment, element, 0, component).is_none();
    let mut dictated = place
        .dictated
        .iter()
        .filter(|on| lacks(on.element, on.component) && (on.always || has_other_component(view, instance, on)));
    if dictated.any(|on| tell(on.element, on.component)) {
        return true;
    }
    place.numbered != Numbered::No
        && [1, 2, 4].into_iter().any(|element| {
            lacks(element, 1) && expected_number(view, instance, place, element).is_some() && tell(element, 1)
        })
}
