//! The segments of one document while rules fill them: loops and segments in any order, values by slot.

use std::collections::HashMap;

use crate::map::labels::{push_ordinal, push_segment};
use crate::map::outline::Outline;
use crate::x12::tree::NONE;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Child {
    Loop(usize),
    Segment(usize),
}

#[derive(Debug)]
pub(super) struct DraftLoop {
    pub node: u32,
    pub parent: usize,
    /// Among the instances of the same loop under the same parent, as paths name it.
    pub ordinal: u32,
    pub children: Vec<Child>,
    /// Labels in the order of the source, where that departs from the guide.
    pub order: Option<Vec<String>>,
}

#[derive(Debug)]
pub(super) struct Value {
    pub element: u16,
    pub repetition: u16,
    pub component: u16,
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct DraftSegment<'m> {
    pub id: Vec<u8>,
    pub parent: usize,
    /// Index into the guide's segments, `NONE` until it is bound or where it has no place.
    pub node: u32,
    /// What it may be bound to.
    pub candidates: &'m [u32],
    pub values: Vec<Value>,
    /// Dictated values that the source lacks.
    pub absent: Vec<(u16, u16)>,
}

#[derive(Debug, Default)]
pub(super) struct Draft<'m> {
    pub loops: Vec<DraftLoop>,
    pub segments: Vec<DraftSegment<'m>>,
    /// Segments before this one are bound.
    unbound: usize,
}

impl<'m> Draft<'m> {
    pub fn new() -> Self {
        let root = DraftLoop { node: 0, parent: usize::MAX, ordinal: 1, children: Vec::new(), order: None };
        Self { loops: vec![root], segments: Vec::new(), unbound: 0 }
    }

    pub fn child_loops(&self, parent: usize, node: u32) -> impl Iterator<Item = usize> + '_ {
        self.loops[parent].children.iter().filter_map(move |child| match child {
            Child::Loop(at) if self.loops[*at].node == node => Some(*at),
            _ => None,
        })
    }

    pub fn add_loop(&mut self, parent: usize, node: u32, ordinal: Option<u32>) -> usize {
        let last = self.loops[parent].children.iter().rev().find_map(|child| match child {
            Child::Loop(at) if self.loops[*at].node == node => Some(self.loops[*at].ordinal),
            _ => None,
        });
        let ordinal = ordinal.unwrap_or_else(|| last.unwrap_or(0).saturating_add(1));
        let at = self.loops.len();
        self.loops.push(DraftLoop { node, parent, ordinal, children: Vec::new(), order: None });
        self.loops[parent].children.push(Child::Loop(at));
        at
    }

    pub fn segments_in(&self, parent: usize) -> impl Iterator<Item = usize> + '_ {
        self.loops[parent].children.iter().filter_map(|child| match child {
            Child::Segment(at) => Some(*at),
            Child::Loop(_) => None,
        })
    }

    /// `before` is a place among the parent's children; the end where it is `None`.
    pub fn add_segment(&mut self, parent: usize, id: Vec<u8>, candidates: &'m [u32], before: Option<usize>) -> usize {
        let at = self.segments.len();
        let (values, absent) = (Vec::new(), Vec::new());
        self.segments.push(DraftSegment { id, parent, node: NONE, candidates, values, absent });
        let place = before.unwrap_or(self.loops[parent].children.len());
        self.loops[parent].children.insert(place, Child::Segment(at));
        at
    }

    pub fn get(&self, segment: usize, element: u16, repetition: u16, component: u16) -> &[u8] {
        self.segments[segment]
            .values
            .iter()
            .find(|value| value.element == element && value.repetition == repetition && value.component == component)
            .map_or(b"", |value| &value.bytes)
    }

    /// An empty text removes the value.
    pub fn set(&mut self, segment: usize, element: u16, repetition: u16, component: u16, bytes: &[u8]) {
        let values = &mut self.segments[segment].values;
        let key = (element, repetition, component);
        match values.binary_search_by_key(&key, |value| (value.element, value.repetition, value.component)) {
            Ok(at) if bytes.is_empty() => {
                values.remove(at);
            }
            Ok(at) => values[at].bytes = bytes.to_vec(),
            Err(_) if bytes.is_empty() => {}
            Err(at) => values.insert(at, Value { element, repetition, component, bytes: bytes.to_vec() }),
        }
    }

    pub fn set_if_empty(&mut self, segment: usize, element: u16, repetition: u16, component: u16, bytes: &[u8]) {
        if self.get(segment, element, repetition, component).is_empty() {
            self.set(segment, element, repetition, component, bytes);
        }
    }

    /// Whether any of `width` elements from `first` on has a value.
    pub fn is_filled(&self, segment: usize, first: u16, width: u16) -> bool {
        self.segments[segment].values.iter().any(|value| value.element >= first && value.element - first < width)
    }

    /// Chooses the use of each segment by its key; one that fits nowhere takes the first it may be.
    pub fn bind(&mut self, outline: &Outline) {
        for at in std::mem::replace(&mut self.unbound, self.segments.len())..self.segments.len() {
            if self.segments[at].node != NONE {
                continue;
            }
            let candidates = self.segments[at].candidates;
            let fits = |node: &&u32| match outline.segments[**node as usize].key {
                None => true,
                Some((element, component)) => {
                    outline.segments[**node as usize].key_codes.contains(self.get(at, element, 0, component))
                }
            };
            let Some(node) = candidates.iter().find(fits).or(candidates.first()).copied() else { continue };
            self.segments[at].node = node;
            let place = &outline.segments[node as usize];
            if let (Some((element, component)), [code]) =
                (place.key, place.key_codes.iter().collect::<Vec<_>>().as_slice())
            {
                self.set_if_empty(at, element, 0, component, code);
            }
        }
    }

    /// Without the ordinal.
    pub fn label(&self, outline: &Outline, segment: usize) -> Vec<u8> {
        let of = &self.segments[segment];
        let place = outline.segments.get(of.node as usize);
        let key =
            place.and_then(|place| place.key).map(|(element, component)| self.get(segment, element, 0, component));
        let mut label = Vec::new();
        push_segment(&mut label, &of.id, place.is_some(), key);
        label
    }

    /// `REF[G1]:2`, `2310A:1` of every child, in their present order.
    pub fn numbered_labels(&self, outline: &Outline, parent: usize) -> Vec<Vec<u8>> {
        let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
        let label = |child: &Child| match child {
            Child::Loop(at) => {
                let of = &self.loops[*at];
                let mut label = outline.loops[of.node as usize].id.to_vec();
                push_ordinal(&mut label, of.ordinal);
                label
            }
            Child::Segment(at) => {
                let mut label = self.label(outline, *at);
                let count = seen.entry(label.clone()).or_insert(0);
                *count += 1;
                push_ordinal(&mut label, *count);
                label
            }
        };
        self.loops[parent].children.iter().map(label).collect()
    }
}
