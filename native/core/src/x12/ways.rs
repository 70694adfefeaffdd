//! The ways through a guide: from each place to every segment that may follow.
//!
//! A place is a position in a loop; segments that share one share its ways. Everything lies in three flat
//! arrays, for the walk looks up a way for every segment of the stream.

use std::collections::BTreeMap;

use crate::tables::{ChildTable, GuideTable};
use crate::x12::guide::packed_id;
use crate::x12::tree::NONE;

/// A way from one segment to the next: close `pops` loops, open some, arrive at `target`.
#[derive(Clone, Copy)]
pub struct Transition {
    pub target: u32,
    pub pops: u32,
    /// (element, component, code set) that must match; code set `NONE` = always.
    pub key: (u16, u16, u32),
    pushes: (u32, u32),
}

/// Twice as many as any guide has segment ids; a power of two.
const ID_SLOTS: usize = 256;

pub struct Ways {
    /// Packed ids by hash, open addressing; 0 = free. Beside it their column.
    ids: Box<[u32]>,
    columns: Box<[u32]>,
    width: usize,
    /// For each place and column a range of `transitions`.
    spans: Box<[(u32, u32)]>,
    transitions: Box<[Transition]>,
    /// Loops that transitions open.
    pushes: Box<[u32]>,
}

fn slot(id: u32) -> usize {
    (id.wrapping_mul(0x9E37_79B9) >> 24) as usize & (ID_SLOTS - 1)
}

impl Ways {
    /// The ways of a guide, and the place of each of its segments.
    pub fn new(table: &GuideTable) -> (Self, Vec<u32>) {
        let mut ways = Self {
            ids: vec![0; ID_SLOTS].into(),
            columns: vec![0; ID_SLOTS].into(),
            width: 0,
            spans: Box::default(),
            transitions: Box::default(),
            pushes: Box::default(),
        };
        for segment in &table.segments {
            ways.add_id(packed_id(segment.id.as_bytes()));
        }
        let mut numbers: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let (mut spans, mut transitions, mut pushes) = (Vec::new(), Vec::new(), Vec::new());
        let mut places = Vec::with_capacity(table.segments.len());
        for (index, segment) in table.segments.iter().enumerate() {
            let next = numbers.len() as u32;
            let place = *numbers.entry((segment.parent, segment.position)).or_insert(next);
            places.push(place);
            if place == next {
                let mut found = Found::new(table, index as u32);
                for column in 0..ways.width as u32 {
                    let start = transitions.len() as u32;
                    for (way, path) in found.by_id.remove(&ways.id_of(column)).unwrap_or_default() {
                        let first = pushes.len() as u32;
                        pushes.extend_from_slice(&path);
                        transitions.push(Transition { pushes: (first, pushes.len() as u32), ..way });
                    }
                    spans.push((start, transitions.len() as u32));
                }
            }
        }
        ways.spans = spans.into();
        ways.transitions = transitions.into();
        ways.pushes = pushes.into();
        (ways, places)
    }

    fn add_id(&mut self, id: u32) {
        let mut at = slot(id);
        while self.ids[at] != 0 && self.ids[at] != id {
            at = (at + 1) & (ID_SLOTS - 1);
        }
        // A table as full as this would be no guide; what has no column has no way.
        if self.ids[at] == 0 && self.width < ID_SLOTS / 2 {
            self.ids[at] = id;
            self.columns[at] = self.width as u32;
            self.width += 1;
        }
    }

    fn id_of(&self, column: u32) -> u32 {
        self.ids.iter().zip(&self.columns).find(|(id, of)| **id != 0 && **of == column).map_or(0, |(id, _)| *id)
    }

    /// What may follow from `place` under a packed id, in order of preference.
    pub fn from(&self, place: u32, id: u32) -> &[Transition] {
        let mut at = slot(id);
        loop {
            match self.ids[at] {
                0 => return &[],
                found if found == id => break,
                _ => at = (at + 1) & (ID_SLOTS - 1),
            }
        }
        let (start, end) = self.spans[place as usize * self.width + self.columns[at] as usize];
        &self.transitions[start as usize..end as usize]
    }

    /// The loops that a way opens, outermost first.
    pub fn pushes(&self, way: &Transition) -> &[u32] {
        &self.pushes[way.pushes.0 as usize..way.pushes.1 as usize]
    }
}

type Way = (Transition, Vec<u32>);

/// The ways from one segment, while they are gathered.
struct Found<'a> {
    table: &'a GuideTable,
    by_id: BTreeMap<u32, Vec<Way>>,
}

impl<'a> Found<'a> {
    /// First what follows in the segment's own loop, then in each enclosing loop, from its position on.
    fn new(table: &'a GuideTable, from: u32) -> Self {
        let mut found = Self { table, by_id: BTreeMap::new() };
        let mut of = table.segments[from as usize].parent;
        let mut position = table.segments[from as usize].position;
        let mut pops = 0;
        let mut left = None;
        loop {
            let current = &table.loops[of as usize];
            for (order, child) in current.children.iter().enumerate() {
                match child {
                    ChildTable::Segment(target) if table.segments[*target as usize].position >= position => {
                        // The trigger again is a new instance of the same loop.
                        if order == 0 && current.parent.is_some() {
                            found.add(*target, pops + 1, &[of]);
                        } else {
                            found.add(*target, pops, &[]);
                        }
                    }
                    ChildTable::Loop(inner) if table.loops[*inner as usize].position >= position => {
                        found.enter(*inner, pops, left != Some(*inner), &mut vec![]);
                    }
                    _ => {}
                }
            }
            let Some(parent) = current.parent else { break };
            position = current.position;
            left = Some(of);
            of = parent;
            pops += 1;
        }
        found
    }

    /// The ways into a loop: by its trigger. Into a wrapper also by any other child where `anywhere`, so that a
    /// missing first segment is one finding and not one for every segment behind it.
    fn enter(&mut self, of: u32, pops: u32, anywhere: bool, path: &mut Vec<u32>) {
        path.push(of);
        let current = &self.table.loops[of as usize];
        let past_first = current.wrapper && anywhere || matches!(current.children.first(), Some(ChildTable::Loop(_)));
        let reachable = if past_first { current.children.len() } else { 1 };
        for child in current.children.iter().take(reachable) {
            match child {
                ChildTable::Segment(target) => self.add(*target, pops, path),
                ChildTable::Loop(inner) => self.enter(*inner, pops, anywhere, path),
            }
        }
        path.pop();
    }

    fn add(&mut self, target: u32, pops: u32, pushes: &[u32]) {
        let segment = &self.table.segments[target as usize];
        let key = segment.key.as_ref().map_or((0, 0, NONE), |key| (key.element, key.component, key.code_set));
        let way = Transition { target, pops, key, pushes: (0, 0) };
        self.by_id.entry(packed_id(segment.id.as_bytes())).or_default().push((way, pushes.to_vec()));
    }
}
