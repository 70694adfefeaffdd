//! The attributes of an element: which slot each takes, and its value in its canonical form.

use crate::map::codec;
use crate::map::plan::{self, Condition, LONG, Read, Run, key};
use crate::map::read::locate::{Unit, View};
use crate::map::read::rules::Scratch;
use crate::map::tables::{BodyTable, CodecTable, PlaceTable, RouteTable};
use crate::map::text::escape_part;
use crate::x12::tree::{Slot, Tree};

/// A segment whose slots are asked for one after another, mostly in their order.
struct Cursor<'a> {
    tree: &'a Tree,
    segment: u32,
    slots: &'a [Slot],
    first_slot: u32,
    at: usize,
    known: Known,
}

/// What a condition has looked at last: the next condition mostly looks there too.
#[derive(Clone, Copy)]
struct Known {
    /// 0 = nothing yet.
    key: u64,
    slot: Option<u32>,
    word: u64,
}

#[inline]
fn key_of(slot: &Slot) -> u64 {
    key(slot.element, slot.repetition, slot.component)
}

impl<'a> Cursor<'a> {
    fn new(tree: &'a Tree, segment: u32) -> Self {
        let instance = &tree.segments[segment as usize];
        let known = Known { key: 0, slot: None, word: 0 };
        Self { tree, segment, slots: tree.slots_of(instance), first_slot: instance.first_slot, at: 0, known }
    }

    #[inline]
    fn find(&mut self, element: u16, repetition: u16, component: u16) -> Option<u32> {
        let wanted = key(element, repetition, component);
        if self.at > 0 && self.slots.get(self.at - 1).is_none_or(|slot| key_of(slot) >= wanted) {
            self.at = 0;
        }
        let slots = self.slots;
        let mut at = self.at;
        while at < slots.len() && slots[at].element < element {
            at += 1;
        }
        while at < slots.len() && key_of(&slots[at]) < wanted {
            at += 1;
        }
        self.at = at;
        (at < slots.len() && key_of(&slots[at]) == wanted).then_some(self.first_slot + at as u32)
    }

    fn value(&self, slot: Option<u32>) -> &'a [u8] {
        slot.map_or(b"", |slot| self.tree.value(&self.tree.slots[slot as usize]))
    }

    /// The slot that a condition looks at; element 0 is the composite `current`.
    #[inline]
    fn known(&mut self, current: (u16, u16), on: &Condition) -> Known {
        let (element, repetition, wanted) = match on.element {
            0 => (current.0, current.1, key(current.0, current.1, on.component)),
            element => (element, 0, on.key),
        };
        if self.known.key != wanted {
            let slot = self.find(element, repetition, on.component);
            self.known = Known { key: wanted, slot, word: plan::word(self.value(slot)) };
        }
        self.known
    }

    #[inline]
    fn holds(&mut self, current: (u16, u16), conditions: &[Condition]) -> bool {
        for on in conditions {
            let known = self.known(current, on);
            if !(known.word == on.only && on.only != LONG || on.only == LONG && on.has(self.value(known.slot))) {
                return false;
            }
        }
        true
    }
}

impl Cursor<'_> {
    /// Moves to the segment.
    fn holds_in(&mut self, segment: u32, conditions: &[Condition]) -> bool {
        if self.segment != segment {
            *self = Self::new(self.tree, segment);
        }
        self.holds((0, 0), conditions)
    }
}

impl Scratch {
    pub fn attributes(&mut self, view: View, unit: Unit, body: &BodyTable) {
        for constant in &body.constants {
            if let Some(found) =
                view.segment_of(unit, &constant.slot).and_then(|at| view.slot(unit, at, &constant.slot))
                && view.tree.value(&view.tree.slots[found.slot as usize]) == constant.value.as_bytes()
            {
                self.claim(found.segment, found.slot);
            }
        }
        let present = self.present(view, unit);
        for run in &body.plan.runs {
            if run.wanted & present != 0 {
                self.run(view, unit, body, run);
            }
        }
    }

    fn run(&mut self, view: View, unit: Unit, body: &BodyTable, run: &Run) {
        let way = match (&body.attributes[run.first].slot.route, unit) {
            (Some(route), Unit::Loop(from)) => Some((from, route)),
            _ => None,
        };
        let first = match way {
            Some((from, route)) => view.first_bound(from, route),
            None => unit.segment(),
        };
        let Some(first) = first else { return };
        let mut cursor = Cursor::new(view.tree, first);
        let mut second = None;
        for read in &run.reads {
            if let (Some((from, route)), false) = (way, read.selects.is_empty()) {
                if !cursor.holds_in(first, &read.selects) {
                    let mut next = *second.get_or_insert_with(|| view.next_bound(from, first, route));
                    while let Some(segment) = next
                        && !cursor.holds_in(segment, &read.selects)
                    {
                        next = view.next_bound(from, segment, route);
                    }
                    if next.is_none() {
                        continue;
                    }
                }
            } else if cursor.segment != first {
                cursor = Cursor::new(view.tree, first);
            }
            self.attribute(view, unit, read, &mut cursor);
        }
    }

    #[inline]
    fn attribute(&mut self, view: View, unit: Unit, read: &Read, cursor: &mut Cursor) {
        let (element, repetition, component) = match (read.place, unit) {
            (PlaceTable::Element { element, component }, _) => (element, 0, component),
            (PlaceTable::Offset { offset, component }, Unit::Group { first, .. }) => (first + offset, 0, component),
            (PlaceTable::Component { component }, Unit::Composite { element, repetition, .. }) => {
                (element, repetition, component)
            }
            _ => return,
        };
        let current = (element, repetition);
        if let Some(found) = cursor.find(element, repetition, component)
            && (read.conditions.is_empty() || cursor.holds(current, &read.conditions))
            && (read.derived || !self.claimed.has(found))
        {
            self.push_attribute(view, read, cursor, current, found);
        }
    }

    /// Apart from the look for the slot, which most rules end with.
    #[inline(never)]
    fn push_attribute(&mut self, view: View, read: &Read, cursor: &mut Cursor, current: (u16, u16), found: u32) {
        let slot = &view.tree.slots[found as usize];
        let before = self.body.len();
        read.opening.push(&mut self.body);
        let mut qualifier = None;
        let is_decoded = match read.codec {
            CodecTable::Text => {
                let part = (slot.start as usize, slot.end as usize);
                self.invalid |= !escape_part(&mut self.body, &view.tree.text, part, self.charset);
                true
            }
            CodecTable::Code { table } => {
                let translation = &view.mapping.translations[table as usize];
                let fits = translation.push_word(&mut self.body, view.tree.value(slot), self.charset);
                self.invalid |= fits == Some(false);
                fits.is_some()
            }
            // Digits and marks, of which none is escaped.
            CodecTable::Date => codec::decode_date(&mut self.body, view.tree.value(slot)),
            CodecTable::Time => codec::decode_time(&mut self.body, view.tree.value(slot)),
            CodecTable::Period { qualifier: element } => {
                qualifier = cursor.find(element, 0, 1);
                codec::decode_period(&mut self.body, view.tree.value(slot), cursor.value(qualifier))
            }
        };
        if !is_decoded {
            self.body.truncate(before);
            return;
        }
        self.body.push(b'"');
        if read.derived {
            return;
        }
        self.claim(cursor.segment, found);
        if let Some(slot) = qualifier {
            self.claimed.set(slot);
        }
        for on in read.selects.iter().chain(&read.conditions).filter(|on| on.is_constant()) {
            if let Some(slot) = cursor.known(current, on).slot {
                self.claimed.set(slot);
            }
        }
    }
}

impl View<'_> {
    /// The first segment at the end of a route, whatever its conditions say.
    fn first_bound(self, from: u32, route: &RouteTable) -> Option<u32> {
        let parent = self.enclosing(from, route, &route.loops)?;
        if !self.mapping.outline.loops[self.node(parent) as usize].wraps {
            return self.bound_from(self.tree.loops[parent as usize].first_segment, &route.segments);
        }
        let mut first = None;
        self.segments(parent, &route.segments, &mut |segment| {
            first = Some(segment);
            true
        });
        first
    }

    /// The next one after it.
    fn next_bound(self, from: u32, after: u32, route: &RouteTable) -> Option<u32> {
        let outline = &self.mapping.outline;
        let instance = &self.tree.segments[after as usize];
        let around = &outline.loops[self.node(instance.parent) as usize];
        if around.wrapper || around.wraps {
            return self.next_through_wrappers(from, after, route);
        }
        self.bound_from(instance.next, &route.segments)
    }

    fn next_through_wrappers(self, from: u32, after: u32, route: &RouteTable) -> Option<u32> {
        let parent = self.enclosing(from, route, &route.loops)?;
        let (mut is_passed, mut next) = (false, None);
        self.segments(parent, &route.segments, &mut |segment| {
            next = is_passed.then_some(segment);
            is_passed |= segment == after;
            next.is_some()
        });
        next
    }
}
