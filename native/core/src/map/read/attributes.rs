//! The attributes of an element: which slot each takes, and its value in its canonical form.

use crate::map::codec;
use crate::map::plan::{self, Condition, Read, Run};
use crate::map::read::locate::{Unit, View};
use crate::map::read::rules::Scratch;
use crate::map::tables::{BodyTable, CodecTable, PlaceTable, RouteTable};
use crate::map::text::escape_part;
use crate::x12::tree::{NONE, Slot, Tree};

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

/// Slots stand in the order of their keys.
#[inline]
fn key(element: u16, repetition: u16, component: u16) -> u64 {
    u64::from(element) << 32 | u64::from(repetition) << 16 | u64::from(component)
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
    fn known(&mut self, current: (u16, u16), on: &Condition) -> Known {
        let (element, repetition) = if on.element == 0 { current } else { (on.element, 0) };
        let wanted = key(element, repetition, on.component);
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
            if !on.holds(known.word, || self.value(known.slot)) {
                return false;
            }
        }
        true
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
        let (Some(route), Unit::Loop(from)) = (&body.attributes[run.first].slot.route, unit) else {
            let Some(segment) = unit.segment() else { return };
            let mut cursor = Cursor::new(view.tree, segment);
            for read in &run.reads {
                self.attribute(view, unit, read, &mut cursor);
            }
            return;
        };
        let Some(first) = view.first_bound(from, route) else { return };
        let mut cursor = Cursor::new(view.tree, first);
        let mut second = None;
        for read in &run.reads {
            if cursor.segment != first {
                cursor = Cursor::new(view.tree, first);
            }
            if !cursor.holds((0, 0), &read.selects) {
                let mut next = *second.get_or_insert_with(|| view.next_bound(from, first, route));
                while let Some(segment) = next {
                    cursor = Cursor::new(view.tree, segment);
                    if cursor.holds((0, 0), &read.selects) {
                        break;
                    }
                    next = view.next_bound(from, segment, route);
                }
                if next.is_none() {
                    continue;
                }
            }
            self.attribute(view, unit, read, &mut cursor);
        }
    }

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
        let Some(found) = cursor.find(element, repetition, component) else { return };
        if !cursor.holds(current, &read.conditions) || (!read.derived && self.claimed.has(found)) {
            return;
        }
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
            return self.bound_from(self.tree.loops[parent as usize].first_segment, route);
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
        self.bound_from(instance.next, route)
    }

    fn bound_from(self, mut at: u32, route: &RouteTable) -> Option<u32> {
        while at != NONE {
            let instance = &self.tree.segments[at as usize];
            let is_bound = match *route.segments {
                [only] => instance.node == only,
                ref any => any.contains(&instance.node),
            };
            if is_bound {
                return Some(at);
            }
            at = instance.next;
        }
        None
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
