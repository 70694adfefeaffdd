//! Finding loops, segments and units in the tree by the routes of a mapping table.

use crate::map::outline::Numbered;
use crate::map::program::Mapping;
use crate::map::tables::{ConditionTable, PartTable, PlaceTable, RouteTable, SlotTable, UnitTable};
use crate::x12::tree::{NONE, Slot, Tree};

/// What an element of the XML is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Loop(u32),
    Segment(u32),
    Composite { segment: u32, element: u16, repetition: u16 },
    Group { segment: u32, first: u16 },
}

impl Unit {
    pub fn segment(self) -> Option<u32> {
        match self {
            Unit::Loop(_) => None,
            Unit::Segment(segment) | Unit::Composite { segment, .. } | Unit::Group { segment, .. } => Some(segment),
        }
    }
}

/// A slot that an attribute may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub segment: u32,
    pub element: u16,
    pub repetition: u16,
    /// Index into the tree's slots.
    pub slot: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Child {
    Loop(u32),
    Segment(u32),
}

/// The tree and the mapping, for the length of one call.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub tree: &'a Tree,
    pub mapping: &'a Mapping,
}

impl<'a> View<'a> {
    pub fn node(self, instance: u32) -> u32 {
        self.tree.loops[instance as usize].node
    }

    fn is_wrapper(self, instance: u32) -> bool {
        self.mapping.outline.loops[self.node(instance) as usize].wrapper
    }

    /// The nearest instance of `node`: `from` itself or one that encloses it.
    pub fn base(self, from: u32, node: u32) -> Option<u32> {
        let mut at = from;
        while at != NONE {
            let instance = &self.tree.loops[at as usize];
            if instance.node == node {
                return Some(at);
            }
            at = instance.parent;
        }
        None
    }

    /// Visits the child loops of `node`, through wrappers, until `visit` says stop.
    fn child_loops(self, parent: u32, node: u32, visit: &mut impl FnMut(u32) -> bool) -> bool {
        self.tree.children_of(parent).any(|child| {
            if self.node(child) == node {
                visit(child)
            } else {
                self.is_wrapper(child) && self.child_loops(child, node, visit)
            }
        })
    }

    fn first_child(self, parent: u32, node: u32) -> Option<u32> {
        let mut first = None;
        self.child_loops(parent, node, &mut |child| {
            first = Some(child);
            true
        });
        first
    }

    /// The first segment that is bound to one of `nodes`, from `at` on in its loop.
    #[inline]
    pub fn bound_from(self, mut at: u32, nodes: &[u32]) -> Option<u32> {
        while at != NONE {
            let instance = &self.tree.segments[at as usize];
            let is_bound = match *nodes {
                [only] => instance.node == only,
                _ => nodes.contains(&instance.node),
            };
            if is_bound {
                return Some(at);
            }
            at = instance.next;
        }
        None
    }

    /// Visits the segments of a loop that are bound to one of `nodes`, through wrappers, until told to stop.
    pub fn segments(self, parent: u32, nodes: &[u32], visit: &mut impl FnMut(u32) -> bool) -> bool {
        let mut next = self.bound_from(self.tree.loops[parent as usize].first_segment, nodes);
        while let Some(at) = next {
            if visit(at) {
                return true;
            }
            next = self.bound_from(self.tree.segments[at as usize].next, nodes);
        }
        self.mapping.outline.loops[self.node(parent) as usize].wraps
            && self.tree.children_of(parent).any(|child| self.is_wrapper(child) && self.segments(child, nodes, visit))
    }

    /// Whether the conditions hold; element 0 is the composite `current`.
    pub fn holds(self, segment: u32, current: (u16, u16), conditions: &[ConditionTable]) -> bool {
        conditions.iter().all(|on| {
            let (element, repetition) = if on.element == 0 { current } else { (on.element, 0) };
            let value = self.tree.get(segment, element, repetition, on.component);
            on.any_of.iter().any(|wanted| wanted.as_bytes() == value)
        })
    }

    fn first_segment(self, parent: u32, route: &RouteTable) -> Option<u32> {
        let mut first = None;
        self.segments(parent, &route.segments, &mut |segment| {
            if self.holds(segment, (0, 0), &route.conditions) {
                first = Some(segment);
            }
            first.is_some()
        });
        first
    }

    /// The loop instance that the first steps of a route lead to.
    pub fn enclosing(self, from: u32, route: &RouteTable, steps: &[u32]) -> Option<u32> {
        let base = self.base(from, route.base)?;
        steps.iter().try_fold(base, |at, node| self.first_child(at, *node))
    }

    /// The segment of an attribute or constant.
    pub fn segment_of(self, unit: Unit, slot: &SlotTable) -> Option<u32> {
        match (&slot.route, unit) {
            (Some(route), Unit::Loop(from)) => self.first_segment(self.enclosing(from, route, &route.loops)?, route),
            _ => unit.segment(),
        }
    }

    /// The slot of an attribute or constant in its segment, where it has a value.
    pub fn slot(self, unit: Unit, segment: u32, slot: &SlotTable) -> Option<Found> {
        let (element, repetition, component) = match (slot.place, unit) {
            (PlaceTable::Element { element, component }, _) => (element, 0, component),
            (PlaceTable::Offset { offset, component }, Unit::Group { first, .. }) => (first + offset, 0, component),
            (PlaceTable::Component { component }, Unit::Composite { element, repetition, .. }) => {
                (element, repetition, component)
            }
            _ => return None,
        };
        let found = self.tree.find(segment, element, repetition, component)?;
        self.holds(segment, (element, repetition), &slot.conditions).then_some(Found {
            segment,
            element,
            repetition,
            slot: found,
        })
    }

    /// Appends the units that an element is bound to, in document order; at most one unless `many`.
    ///
    /// `skipped` tells the segments from which an earlier rule has taken something: an `each` leaves them out.
    pub fn units(self, from: Unit, table: &UnitTable, many: bool, skipped: impl Fn(u32) -> bool, into: &mut Vec<Unit>) {
        let Some(route) = &table.route else {
            match from.segment() {
                Some(segment) => self.parts(segment, table.part, from, many, into),
                None => into.push(from),
            }
            return;
        };
        let Unit::Loop(from) = from else { return };
        if route.segments.is_empty() {
            self.loop_units(from, route, many, into);
            return;
        }
        let Some(parent) = self.enclosing(from, route, &route.loops) else { return };
        let count = into.len();
        self.segments(parent, &route.segments, &mut |segment| {
            if self.holds(segment, (0, 0), &route.conditions)
                && !(many && table.part == PartTable::Whole && skipped(segment))
            {
                self.parts(segment, table.part, Unit::Segment(segment), many, into);
            }
            // A `from` looks at the first segment alone, with or without a value in it: writing does too.
            !many && (into.len() > count || self.holds(segment, (0, 0), &route.conditions))
        });
    }

    fn loop_units(self, from: u32, route: &RouteTable, many: bool, into: &mut Vec<Unit>) {
        let Some((last, steps)) = route.loops.split_last() else {
            into.extend(self.base(from, route.base).map(Unit::Loop));
            return;
        };
        let Some(parent) = self.enclosing(from, route, steps) else { return };
        self.child_loops(parent, *last, &mut |child| {
            into.push(Unit::Loop(child));
            !many
        });
    }

    fn parts(self, segment: u32, part: PartTable, whole: Unit, many: bool, into: &mut Vec<Unit>) {
        let count = into.len();
        let slots = self.tree.slots_of(&self.tree.segments[segment as usize]);
        let filled =
            |first: u16, width: u16| slots.iter().any(|slot| slot.element >= first && slot.element - first < width);
        match part {
            PartTable::Whole => into.push(whole),
            PartTable::Composite { element } => {
                if filled(element, 1) {
                    into.push(Unit::Composite { segment, element, repetition: 0 });
                }
            }
            PartTable::Composites { first, last } => {
                let filled = (first..=last).take_while(|element| filled(*element, 1));
                into.extend(filled.map(|element| Unit::Composite { segment, element, repetition: 0 }));
            }
            PartTable::Groups { first, last, step } => {
                let filled = (first..=last).step_by(step.into()).take_while(|at| filled(*at, step));
                into.extend(filled.map(|first| Unit::Group { segment, first }));
            }
            PartTable::Repetitions { element } => {
                let has = |repetition| {
                    slots.iter().any(|slot: &Slot| slot.element == element && slot.repetition == repetition)
                };
                let filled = (0..=u16::MAX).take_while(|repetition| has(*repetition));
                into.extend(filled.map(|repetition| Unit::Composite { segment, element, repetition }));
            }
        }
        if !many {
            into.truncate(count + 1);
        }
    }

    /// Whether a further unit of this part would still fit into the segment: writing would put it there.
    pub fn has_room(self, segment: u32, part: PartTable) -> bool {
        let slots = self.tree.slots_of(&self.tree.segments[segment as usize]);
        let empty =
            |first: u16, width: u16| !slots.iter().any(|slot| slot.element >= first && slot.element - first < width);
        match part {
            PartTable::Whole => false,
            PartTable::Composite { element } => empty(element, 1),
            PartTable::Composites { first, last } => (first..=last).any(|element| empty(element, 1)),
            PartTable::Groups { first, last, step } => (first..=last).step_by(step.into()).any(|at| empty(at, step)),
            PartTable::Repetitions { .. } => true,
        }
    }

    /// Appends the segments and loops inside a loop instance in document order, those of wrappers included; without
    /// the loops that have documents of their own, and ST and SE.
    pub fn children(self, parent: u32, into: &mut Vec<Child>) {
        let tree: &'a Tree = self.tree;
        let outline = &self.mapping.outline;
        let instance = &tree.loops[parent as usize];
        let (mut segment, mut child) = (instance.first_segment, instance.first_child);
        loop {
            let end = tree.loops.get(child as usize).map_or(u32::MAX, |child| child.position);
            while let Some(of) = tree.segments.get(segment as usize).filter(|of| child == NONE || of.position < end) {
                let place = outline.segments.get(of.node as usize);
                if place.is_none_or(|place| place.numbered != Numbered::Envelope) {
                    into.push(Child::Segment(segment));
                }
                segment = of.next;
            }
            let Some(of) = tree.loops.get(child as usize) else { return };
            let place = &outline.loops[of.node as usize];
            if place.wrapper {
                self.children(child, into);
            } else if !place.context {
                into.push(Child::Loop(child));
            }
            child = of.next_sibling;
        }
    }
}
