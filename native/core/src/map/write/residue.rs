//! `other` and `order` back into the segments that rules have written.

use std::collections::{HashMap, HashSet};

use crate::map::labels::{Step, parse_path, parse_segment, parse_slot, parse_step};
use crate::map::write::GenerateError;
use crate::map::write::draft::{Child, Draft};
use crate::map::write::rules::{Unit, Writer};
use crate::tables::ChildTable;
use crate::x12::tree::NONE;

/// A segment has some tens of elements and a composite some tens of components; beyond these a slot is a mistake,
/// and writing its separators a waste of memory.
const MAX_POSITION: u16 = 999;
/// Each is looked for among its siblings, so their number bounds the time; a claim of 999 lines has fewer.
const MAX_OTHERS: usize = 20_000;

impl Writer<'_, '_> {
    /// Whole segments first, since they count for the ordinals that partial ones are found by.
    pub fn residue(&mut self) -> Result<(), GenerateError> {
        let dom = self.dom;
        if dom.elements.iter().filter(|element| element.name == "other").count() > MAX_OTHERS {
            return Err(GenerateError(format!("more than {MAX_OTHERS} <other> in one document")));
        }
        let bound = std::mem::take(&mut self.bound);
        for whole in [true, false] {
            for (element, unit) in &bound {
                for other in dom.children(*element, "other") {
                    if dom.elements[other].attribute("whole").is_some() == whole {
                        self.other(other, *unit, whole)?;
                    }
                }
            }
        }
        for (element, unit) in &bound {
            for order in dom.children(*element, "order") {
                self.order(order, *unit);
            }
        }
        self.bound = bound;
        Ok(())
    }

    fn other(&mut self, other: usize, unit: Unit, whole: bool) -> Result<(), GenerateError> {
        let dom = self.dom;
        let place = dom.elements[other].attribute("at").unwrap_or("");
        let segment = match (place, unit) {
            ("", unit) => unit.segment(),
            (place, Unit::Loop(from)) => self.located(from, place, whole),
            _ => None,
        };
        let Some(segment) = segment else {
            self.report(|| format!("other at=\"{}\": no such place in this guide", printable(place)));
            return Ok(());
        };
        for value in dom.children(other, "value") {
            let of = &dom.elements[value];
            let slot = of.attribute("slot").and_then(parse_slot);
            let Some((element, repetition, component)) = slot.filter(|(element, repetition, component)| {
                *element <= MAX_POSITION && *repetition <= MAX_POSITION && *component <= MAX_POSITION
            }) else {
                self.report(|| format!("other at=\"{}\": a slot that no segment has", printable(place)));
                continue;
            };
            let bytes = self.bytes(&of.text, "other")?;
            self.draft.set(segment, element, repetition, component, &bytes);
            if bytes.is_empty() {
                self.draft.segments[segment].absent.push((element, component));
            }
        }
        Ok(())
    }

    /// The loop that the first steps lead to; a loop that is not there is created with the ordinal it is asked by.
    fn walk(&mut self, from: usize, steps: &[Step]) -> Option<usize> {
        let mut at = from;
        for step in steps {
            let Step::Loop { id, ordinal } = step else { return None };
            let node = self.mapping.outline.child_loop(self.draft.loops[at].node, id.as_bytes())?;
            let found = self.draft.child_loops(at, node).find(|child| self.draft.loops[*child].ordinal == *ordinal);
            at = found.unwrap_or_else(|| self.draft.add_loop(at, node, Some(*ordinal)));
        }
        Some(at)
    }

    /// `^2000A/...` starts at the enclosing loop of that name.
    fn start<'p>(&self, from: usize, place: &'p str) -> Option<(usize, &'p str)> {
        let Some(place) = place.strip_prefix('^') else { return Some((from, place)) };
        let (id, rest) = place.split_once('/').unwrap_or((place, ""));
        let mut at = from;
        while *self.mapping.outline.loops[self.draft.loops[at].node as usize].id != *id.as_bytes() {
            at = self.draft.loops[at].parent;
            if at == usize::MAX {
                return None;
            }
        }
        Some((at, rest))
    }

    fn located(&mut self, from: usize, place: &str, whole: bool) -> Option<usize> {
        let (from, place) = self.start(from, place)?;
        let steps = parse_path(place)?;
        let (last, loops) = steps.split_last()?;
        let Step::Segment { label, ordinal } = last else { return None };
        let parent = self.walk(from, loops)?;
        self.draft.bind(&self.mapping.outline);
        let outline = &self.mapping.outline;
        let same: Vec<usize> =
            self.draft.segments_in(parent).filter(|at| self.draft.label(outline, *at) == label.as_bytes()).collect();
        let nth = same.get(*ordinal as usize - 1).copied();
        if !whole && nth.is_some() {
            return nth;
        }
        let before = nth
            .and_then(|nth| self.draft.loops[parent].children.iter().position(|child| *child == Child::Segment(nth)));
        self.whole_segment(parent, label, before)
    }

    fn whole_segment(&mut self, parent: usize, label: &str, before: Option<usize>) -> Option<usize> {
        let (id, key) = parse_segment(label)?;
        let outline = &self.mapping.outline;
        let node =
            outline.loops[self.draft.loops[parent].node as usize].children.iter().find_map(|child| match child {
                ChildTable::Segment(at) => {
                    let place = &outline.segments[*at as usize];
                    let fits = *place.id == *id
                        && (place.key.is_none() || key.is_none_or(|key| place.key_codes.contains(key.as_bytes())));
                    fits.then_some(*at)
                }
                ChildTable::Loop(_) => None,
            });
        let at = self.draft.add_segment(parent, id, &[], before);
        if !label.starts_with('?')
            && let Some(node) = node
        {
            self.draft.segments[at].node = node;
            if let (Some((element, component)), Some(key)) = (outline.segments[node as usize].key, key) {
                self.draft.set(at, element, 0, component, key.as_bytes());
            }
        }
        Some(at)
    }

    fn order(&mut self, order: usize, unit: Unit) {
        let of = &self.dom.elements[order];
        let Unit::Loop(from) = unit else { return };
        if of.attribute("start").is_some() {
            return;
        }
        let place = of.attribute("at").unwrap_or("");
        let Some((from, rest)) = self.start(from, place) else { return };
        let steps: Option<Vec<Step>> =
            if rest.is_empty() { Some(Vec::new()) } else { rest.split('/').map(parse_step).collect() };
        if let Some(at) = steps.and_then(|steps| self.walk(from, &steps)) {
            self.draft.loops[at].order = Some(of.text.split(' ').map(str::to_owned).collect());
        }
    }

    /// Puts trigger segments, dictated values and line numbers where they are missing, and children in order.
    pub fn finish(&mut self, at: usize) {
        let mapping = self.mapping;
        let outline = &mapping.outline;
        let place = &outline.loops[self.draft.loops[at].node as usize];
        let is_there =
            |draft: &Draft| draft.segments_in(at).any(|segment| draft.segments[segment].node == place.trigger);
        if at != 0 && place.trigger != NONE && !is_there(&self.draft) {
            let id = outline.segments[place.trigger as usize].id.to_vec();
            let segment = self.draft.add_segment(at, id, &[], Some(0));
            self.draft.segments[segment].node = place.trigger;
            self.dictate(segment);
        }
        self.sort(at);
        for child in self.draft.loops[at].children.clone() {
            match child {
                Child::Segment(segment) => self.dictate(segment),
                Child::Loop(child) => self.finish(child),
            }
        }
    }

    fn dictate(&mut self, segment: usize) {
        let mapping = self.mapping;
        let Some(place) = mapping.outline.segments.get(self.draft.segments[segment].node as usize) else { return };
        for on in &place.dictated {
            let of = &self.draft.segments[segment];
            let holds = on.always
                || of.values.iter().any(|value| {
                    value.element == on.element && value.repetition == 0 && value.component != on.component
                });
            if holds && !of.absent.contains(&(on.element, on.component)) {
                self.draft.set_if_empty(segment, on.element, 0, on.component, &on.value);
            }
        }
    }

    fn rank(&self, child: Child) -> Option<u32> {
        let outline = &self.mapping.outline;
        match child {
            Child::Loop(at) => Some(outline.loops[self.draft.loops[at].node as usize].rank),
            Child::Segment(at) => outline.segments.get(self.draft.segments[at].node as usize).map(|place| place.rank),
        }
    }

    /// The guide's order; where the source departed from it, the source's, with anything new put in by the guide.
    fn sort(&mut self, at: usize) {
        let children = self.draft.loops[at].children.clone();
        let mut by_guide: Vec<Child> = children.iter().copied().filter(|child| self.rank(*child).is_some()).collect();
        by_guide.sort_by_key(|child| match child {
            Child::Loop(child_loop) => (self.rank(*child), self.draft.loops[*child_loop].ordinal),
            Child::Segment(_) => (self.rank(*child), 0),
        });
        let sorted = match self.draft.loops[at].order.take() {
            None => {
                by_guide.extend(children.into_iter().filter(|child| self.rank(*child).is_none()));
                by_guide
            }
            Some(order) => {
                let labels = self.draft.numbered_labels(&self.mapping.outline, at);
                let labelled: HashMap<Vec<u8>, Child> = labels.into_iter().zip(children.iter().copied()).collect();
                let mut sorted: Vec<Child> = Vec::with_capacity(children.len());
                let mut placed = HashSet::new();
                for child in order.iter().filter_map(|label| labelled.get(label.as_bytes()).copied()) {
                    if placed.insert(child) {
                        sorted.push(child);
                    }
                }
                let rest =
                    by_guide.into_iter().chain(children.iter().copied().filter(|child| self.rank(*child).is_none()));
                for child in rest.collect::<Vec<_>>() {
                    if placed.insert(child) {
                        let rank = self.rank(child).unwrap_or(NONE);
                        let before =
                            sorted.iter().position(|other| self.rank(*other).is_some_and(|other| other > rank));
                        sorted.insert(before.unwrap_or(sorted.len()), child);
                    }
                }
                sorted
            }
        };
        self.draft.loops[at].children = sorted;
    }
}

/// Paths hold guide names; anything else in them is not repeated.
fn printable(place: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "^/[]:?=-*".contains(character);
    place.chars().take(80).map(|character| if is_plain(character) { character } else { '.' }).collect()
}
