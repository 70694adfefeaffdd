//! The rules of a table, run over a tree: elements and attributes, and which slots they took.

use crate::map::outline::rank_bit;
use crate::map::plan::{Names, Piece};
use crate::map::read::locate::{Child, Found, Unit, View};
use crate::map::read::splice::{Chunk, Owner};
use crate::map::tables::{BlockTable, BodyTable, BranchTable, ConditionTable, RouteTable};
use crate::map::text::{Charset, escape};
use crate::x12::tree::{NONE, Tree};

/// One bit for each slot or segment of the part of the tree being rendered.
#[derive(Debug, Default)]
pub(super) struct Bits {
    first: usize,
    words: Vec<u64>,
}

impl Bits {
    fn reset(&mut self, first: usize, end: usize) {
        self.first = first;
        self.words.clear();
        self.words.resize((end.saturating_sub(first)).div_ceil(64), 0);
    }

    pub fn has(&self, at: u32) -> bool {
        let at = (at as usize).wrapping_sub(self.first);
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Whether all from `start` up to `end` are set.
    pub fn has_all(&self, start: u32, end: u32) -> bool {
        let (mut at, end) = ((start as usize).wrapping_sub(self.first), (end as usize).wrapping_sub(self.first));
        while at < end {
            let count = (64 - at % 64).min(end - at);
            let wanted = u64::MAX >> (64 - count) << (at % 64);
            if self.words.get(at / 64).is_none_or(|word| word & wanted != wanted) {
                return false;
            }
            at += count;
        }
        true
    }

    pub fn set(&mut self, at: u32) {
        let at = (at as usize).wrapping_sub(self.first);
        if let Some(word) = self.words.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }
}

/// Reused from scope to scope: one scope is a header, an enclosing loop's blocks, or an item.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub charset: Charset,
    /// A value was not valid in the character set.
    pub invalid: bool,
    pub body: Vec<u8>,
    pub residue: Vec<u8>,
    pub chunks: Vec<Chunk>,
    pub owners: Vec<Owner>,
    pub claimed: Bits,
    pub touched: Bits,
    pub loop_owner: Vec<u32>,
    pub segment_owner: Vec<u32>,
    /// Which children each loop instance of the scope has, by rank; 0 = not looked yet.
    present: Vec<u128>,
    first_loop: usize,
    first_segment: usize,
    units: Vec<Unit>,
    pub children: Vec<Child>,
    pub path: Vec<u8>,
}

impl Scratch {
    /// Begins a scope: everything in the tree from `instance` on.
    pub fn begin(&mut self, tree: &Tree, instance: u32) {
        self.body.clear();
        self.residue.clear();
        self.chunks.clear();
        self.owners.clear();
        self.invalid = false;
        self.first_loop = instance as usize;
        let first_segment = tree.loops[instance as usize].first_segment;
        self.first_segment = if instance == 0 || first_segment == NONE { 0 } else { first_segment as usize };
        let first_slot = tree.segments.get(self.first_segment).map_or(0, |segment| segment.first_slot as usize);
        self.claimed.reset(first_slot, tree.slots.len());
        self.touched.reset(self.first_segment, tree.segments.len());
        self.loop_owner.clear();
        self.loop_owner.resize(tree.loops.len() - self.first_loop, NONE);
        self.present.clear();
        self.present.resize(tree.loops.len() - self.first_loop, 0);
        self.segment_owner.clear();
        self.segment_owner.resize(tree.segments.len() - self.first_segment, NONE);
    }

    pub fn owner_of_loop(&self, at: u32) -> u32 {
        self.loop_owner.get((at as usize).wrapping_sub(self.first_loop)).copied().unwrap_or(NONE)
    }

    pub fn owner_of_segment(&self, at: u32) -> u32 {
        self.segment_owner.get((at as usize).wrapping_sub(self.first_segment)).copied().unwrap_or(NONE)
    }

    /// Makes the element the owner of its loop or segment, unless there is one; false where there was.
    fn own(&mut self, unit: Unit, owner: u32) -> bool {
        let entry = match unit {
            Unit::Loop(at) => self.loop_owner.get_mut((at as usize).wrapping_sub(self.first_loop)),
            Unit::Segment(at) => self.segment_owner.get_mut((at as usize).wrapping_sub(self.first_segment)),
            _ => None,
        };
        match entry {
            Some(entry) if *entry == NONE || owner == NONE => {
                *entry = owner;
                true
            }
            _ => false,
        }
    }

    /// `<name` of an outermost element.
    pub fn open(&mut self, name: &str) -> Owner {
        self.body.push(b'<');
        let start = self.body.len();
        self.body.extend_from_slice(name.as_bytes());
        Owner { offset: 0, is_closed: false, name: (start, start + name.len()) }
    }

    /// Closes an element whose start tag ended at `content`; the owner's place is filled in.
    pub fn close(&mut self, owner: &mut Owner, content: usize, end: &Piece) {
        if self.body.len() == content {
            self.body.pop();
            owner.offset = self.body.len();
            owner.is_closed = true;
            self.body.extend_from_slice(b"/>");
        } else {
            owner.offset = self.body.len();
            end.push(&mut self.body);
        }
    }

    /// The same for an outermost element.
    pub fn close_outermost(&mut self, owner: &mut Owner, content: usize) {
        let name = &self.body[owner.name.0..owner.name.1];
        let end = Piece::new(&[b"</", name, b">"].concat());
        self.close(owner, content, &end);
    }

    pub fn plain_attribute(&mut self, name: &str, value: &[u8]) {
        self.body.push(b' ');
        self.body.extend_from_slice(name.as_bytes());
        self.body.extend_from_slice(b"=\"");
        if !escape(&mut self.body, value, self.charset) {
            self.invalid = true;
        }
        self.body.push(b'"');
    }

    /// Whether the first step of a route can lead anywhere.
    fn may_lead(&mut self, view: View, unit: Unit, route: Option<&RouteTable>) -> bool {
        let (Some(route), Unit::Loop(from)) = (route, unit) else { return true };
        view.base(from, route.base).is_some_and(|base| self.present(view, Unit::Loop(base)) & route.wanted != 0)
    }

    /// The children of a loop unit, by rank; all bits for any other.
    pub fn present(&mut self, view: View, unit: Unit) -> u128 {
        let Unit::Loop(at) = unit else { return u128::MAX };
        match self.present.get_mut((at as usize).wrapping_sub(self.first_loop)) {
            Some(present) => {
                if *present == 0 {
                    *present = present_children(view, at);
                }
                *present
            }
            None => present_children(view, at),
        }
    }

    pub fn claim(&mut self, segment: u32, slot: u32) {
        self.claimed.set(slot);
        self.touched.set(segment);
    }

    /// A condition with one value is written back as a constant, so its slot is taken too.
    fn claim_condition(&mut self, view: View, found: Found, on: &ConditionTable) {
        if on.any_of.len() == 1 {
            let (element, repetition) =
                if on.element == 0 { (found.element, found.repetition) } else { (on.element, 0) };
            if let Some(slot) = view.tree.find(found.segment, element, repetition, on.component) {
                self.claim(found.segment, slot);
            }
        }
    }

    pub fn blocks(&mut self, view: View, unit: Unit, body: &BodyTable) {
        if body.blocks.is_empty() {
            return;
        }
        let present = self.present(view, unit);
        for (index, wanted) in body.plan.wanted.iter().enumerate() {
            if wanted & present != 0 {
                self.block(view, unit, &body.blocks[index], &body.plan.names[index]);
            }
        }
    }

    pub fn block(&mut self, view: View, unit: Unit, block: &BlockTable, names: &Names) {
        for branch in &block.branches {
            if !self.may_lead(view, unit, branch.unit.route.as_ref()) {
                continue;
            }
            let first = self.units.len();
            let mut units = std::mem::take(&mut self.units);
            view.units(unit, &branch.unit, block.many, |segment| self.touched.has(segment), &mut units);
            self.units = units;
            let mut previous = None;
            for index in first..self.units.len() {
                let at = self.units[index];
                let starts =
                    previous.is_some_and(|last| Some(last) != at.segment() && view.has_room(last, branch.unit.part));
                if self.element(view, at, (block, names), branch, starts) {
                    previous = at.segment();
                }
            }
            self.units.truncate(first);
        }
    }

    /// One element; false where it would be empty and may be left out.
    fn element(
        &mut self,
        view: View,
        unit: Unit,
        (block, names): (&BlockTable, &Names),
        branch: &BranchTable,
        starts: bool,
    ) -> bool {
        let before = self.body.len();
        names.begin.push(&mut self.body);
        let mut owner = Owner { offset: 0, is_closed: false, name: (before + 1, self.body.len()) };
        if let (Some(tag), Some(value)) = (&block.tag, &branch.value) {
            self.plain_attribute(tag, value.as_bytes());
        }
        let tagged = self.body.len();
        let index = self.owners.len() as u32;
        let owns = branch.unit.route.is_some() && self.own(unit, index);
        if owns {
            self.owners.push(owner);
        }
        self.attributes(view, unit, &branch.body);
        let is_bare = self.body.len() == tagged;
        self.body.push(b'>');
        let content = self.body.len();
        self.blocks(view, unit, &branch.body);
        if !block.many && is_bare && self.body.len() == content {
            self.body.truncate(before);
            if owns {
                self.owners.truncate(index as usize);
                self.own(unit, NONE);
            }
            return false;
        }
        if starts {
            self.body.extend_from_slice(b"<order start=\"true\"/>");
        }
        if let (Some(route), Some(segment)) = (&branch.unit.route, unit.segment()) {
            let found = Found { segment, element: 0, repetition: 0, slot: NONE };
            route.conditions.iter().for_each(|on| self.claim_condition(view, found, on));
            self.touched.set(segment);
        }
        self.close(&mut owner, content, &names.end);
        if owns {
            self.owners[index as usize] = owner;
        }
        true
    }
}

fn present_children(view: View, instance: u32) -> u128 {
    let outline = &view.mapping.outline;
    // Never 0, so that a loop without any is looked at once.
    let mut bits = rank_bit(u32::MAX);
    for segment in view.tree.segments_in(instance) {
        if let Some(place) = outline.segments.get(view.tree.segments[segment as usize].node as usize) {
            bits |= rank_bit(place.rank);
        }
    }
    for child in view.tree.children_of(instance) {
        let place = &outline.loops[view.node(child) as usize];
        bits |= if place.wrapper { present_children(view, child) } else { rank_bit(place.rank) };
    }
    bits
}
