//! The rules of a table, run over a document: what its elements and attributes put into segments.

use crate::map::codec;
use crate::map::program::Mapping;
use crate::map::tables::{
    AttributeTable, BlockTable, BodyTable, BranchTable, CodecTable, ConditionTable, PartTable, PlaceTable, RouteTable,
    SlotTable,
};
use crate::map::text::{Charset, unescape};
use crate::map::write::GenerateError;
use crate::map::write::dom::Dom;
use crate::map::write::draft::Draft;

/// Reports of what cannot be written are for people; more than this says nothing new.
const MAX_REPORTS: usize = 200;
/// Elements of the engine's own.
const OWN: [&str; 2] = ["other", "order"];

#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Loop(usize),
    Segment(usize),
    Composite { segment: usize, element: u16, repetition: u16 },
    Group { segment: usize, first: u16 },
}

impl Unit {
    pub fn segment(self) -> Option<usize> {
        match self {
            Unit::Loop(_) => None,
            Unit::Segment(segment) | Unit::Composite { segment, .. } | Unit::Group { segment, .. } => Some(segment),
        }
    }
}

/// One document on its way to segments.
pub(super) struct Writer<'m, 'd> {
    pub mapping: &'m Mapping,
    pub draft: Draft<'m>,
    pub dom: &'d Dom,
    pub charset: Charset,
    /// The item has no `at`: defaults apply.
    pub is_born: bool,
    /// Elements with the loop or segment they stand for, for `other` and `order`.
    pub bound: Vec<(usize, Unit)>,
    pub unwritten: &'d mut Vec<String>,
}

impl<'m> Writer<'m, '_> {
    pub fn report(&mut self, text: impl FnOnce() -> String) {
        if self.unwritten.len() < MAX_REPORTS {
            self.unwritten.push(text());
        }
    }

    pub fn bytes(&self, text: &str, place: &str) -> Result<Vec<u8>, GenerateError> {
        unescape(text, self.charset)
            .ok_or_else(|| GenerateError(format!("{place}: a character that ISO-8859-1 does not have")))
    }

    pub fn body(
        &mut self,
        element: usize,
        unit: Unit,
        rules: &'m BodyTable,
        tag: Option<&str>,
        place: &str,
    ) -> Result<(), GenerateError> {
        self.bound.push((element, unit));
        for constant in &rules.constants {
            self.put(unit, &constant.slot, constant.value.as_bytes());
        }
        for rule in rules.attributes.iter().filter(|rule| !rule.derived) {
            let given = self.dom.elements[element].attribute(&rule.name);
            let default = rule.default.as_deref().filter(|_| self.is_born);
            if let Some(text) = given.or(default).filter(|text| !text.is_empty()) {
                let bytes = self.bytes(text, place)?;
                self.attribute(unit, rule, &bytes);
            }
        }
        self.unknown_attributes(element, rules, tag, place);
        self.blocks(element, unit, rules, place)
    }

    fn unknown_attributes(&mut self, element: usize, rules: &BodyTable, tag: Option<&str>, place: &str) {
        let dom = self.dom;
        for (name, _) in &dom.elements[element].attributes {
            let is_known =
                Some(name.as_str()) == tag || name == "at" || rules.attributes.iter().any(|rule| rule.name == *name);
            if !is_known {
                self.report(|| format!("{place}/@{name}: no rule for this guide"));
            }
        }
    }

    fn attribute(&mut self, unit: Unit, rule: &'m AttributeTable, text: &[u8]) {
        let (value, qualifier) = match rule.codec {
            CodecTable::Text => (text.to_vec(), None),
            CodecTable::Date => (codec::encode_date(text), None),
            CodecTable::Time => (codec::encode_time(text), None),
            CodecTable::Code { table } => (self.mapping.translations[table as usize].code(text).to_vec(), None),
            CodecTable::Period { qualifier } => {
                let (value, format) = codec::encode_period(text);
                (value, format.map(|format| (qualifier, format)))
            }
        };
        if let Some(segment) = self.put(unit, &rule.slot, &value)
            && let Some((element, format)) = qualifier
        {
            self.draft.set(segment, element, 0, 1, format);
        }
    }

    /// Sets the slot and, where they are empty, the values that its conditions ask for.
    fn put(&mut self, unit: Unit, slot: &'m SlotTable, value: &[u8]) -> Option<usize> {
        let (segment, conditions): (usize, &[ConditionTable]) = match (&slot.route, unit) {
            (Some(route), Unit::Loop(from)) => {
                let parent = self.enclosing(from, route, &route.loops)?;
                (self.segment(parent, route), &route.conditions)
            }
            _ => (unit.segment()?, &[]),
        };
        let (element, repetition, component) = match (slot.place, unit) {
            (PlaceTable::Element { element, component }, _) => (element, 0, component),
            (PlaceTable::Offset { offset, component }, Unit::Group { first, .. }) => (first + offset, 0, component),
            (PlaceTable::Component { component }, Unit::Composite { element, repetition, .. }) => {
                (element, repetition, component)
            }
            _ => return None,
        };
        self.draft.set(segment, element, repetition, component, value);
        self.meet(segment, conditions, (element, repetition));
        self.meet(segment, &slot.conditions, (element, repetition));
        Some(segment)
    }

    fn meet(&mut self, segment: usize, conditions: &[ConditionTable], current: (u16, u16)) {
        for on in conditions {
            let (element, repetition) = if on.element == 0 { current } else { (on.element, 0) };
            self.draft.set_if_empty(segment, element, repetition, on.component, on.any_of[0].as_bytes());
        }
    }

    /// The loop that the first steps of a route lead to; what is missing on the way is created.
    fn enclosing(&mut self, from: usize, route: &RouteTable, steps: &[u32]) -> Option<usize> {
        let mut at = from;
        while self.draft.loops[at].node != route.base {
            at = self.draft.loops[at].parent;
            if at == usize::MAX {
                return None;
            }
        }
        for node in steps {
            let found = self.draft.child_loops(at, *node).next();
            at = found.unwrap_or_else(|| self.draft.add_loop(at, *node, None));
        }
        Some(at)
    }

    /// Whether the segment can be the one that a route means: its values meet the conditions or are still open.
    fn suits(&self, segment: usize, route: &RouteTable) -> bool {
        let of = &self.draft.segments[segment];
        of.candidates.iter().any(|node| route.segments.contains(node))
            && route.conditions.iter().all(|on| {
                let value = self.draft.get(segment, on.element, 0, on.component);
                value.is_empty() || on.any_of.iter().any(|wanted| wanted.as_bytes() == value)
            })
    }

    /// The first segment that suits, else a new one.
    fn segment(&mut self, parent: usize, route: &'m RouteTable) -> usize {
        let found = self.draft.segments_in(parent).find(|at| self.suits(*at, route));
        if let Some(at) = found {
            if route.segments.len() < self.draft.segments[at].candidates.len() {
                self.draft.segments[at].candidates = &route.segments;
            }
            return at;
        }
        let at = self.new_segment(parent, route);
        for on in route.conditions.iter().filter(|on| on.any_of.len() == 1) {
            self.draft.set(at, on.element, 0, on.component, on.any_of[0].as_bytes());
        }
        at
    }

    fn new_segment(&mut self, parent: usize, route: &'m RouteTable) -> usize {
        let id = route.segments.first().map_or(&b""[..], |node| &self.mapping.outline.segments[*node as usize].id);
        self.draft.add_segment(parent, id.to_vec(), &route.segments, None)
    }

    fn blocks(&mut self, element: usize, unit: Unit, rules: &'m BodyTable, place: &str) -> Result<(), GenerateError> {
        let dom = self.dom;
        let mut written = vec![false; dom.elements[element].children.len()];
        for block in &rules.blocks {
            let mut count = vec![0_usize; block.branches.len()];
            for (index, child) in dom.elements[element].children.iter().copied().enumerate() {
                if written[index] || dom.elements[child].name != block.element {
                    continue;
                }
                let Some(branch) = self.branch(child, block) else { continue };
                if !block.many && count[branch] > 0 {
                    continue;
                }
                let place = format!("{place}/{}", block.element);
                if self.element(child, unit, block, &block.branches[branch], &place)? {
                    count[branch] += 1;
                    written[index] = true;
                }
            }
        }
        for (index, child) in dom.elements[element].children.iter().copied().enumerate() {
            let name = dom.elements[child].name.as_str();
            if !written[index] && !OWN.contains(&name) {
                self.report(|| format!("{place}/{name}: no rule for this guide, or one too many"));
            }
        }
        Ok(())
    }

    fn branch(&self, child: usize, block: &BlockTable) -> Option<usize> {
        match &block.tag {
            None => Some(0),
            Some(tag) => {
                let value = self.dom.elements[child].attribute(tag)?;
                block.branches.iter().position(|branch| branch.value.as_deref() == Some(value))
            }
        }
    }

    fn element(
        &mut self,
        element: usize,
        from: Unit,
        block: &'m BlockTable,
        branch: &'m BranchTable,
        place: &str,
    ) -> Result<bool, GenerateError> {
        let dom = self.dom;
        let starts = dom.children(element, "order").any(|mark| dom.elements[mark].attribute("start").is_some());
        let Some(unit) = self.unit(from, branch, block.many, starts) else { return Ok(false) };
        self.body(element, unit, &branch.body, block.tag.as_deref(), place)?;
        if let (Some(route), Some(segment)) = (&branch.unit.route, unit.segment()) {
            let is_whole = branch.unit.part == PartTable::Whole;
            for on in route.conditions.iter().filter(|on| is_whole || on.any_of.len() == 1) {
                self.draft.set_if_empty(segment, on.element, 0, on.component, on.any_of[0].as_bytes());
            }
        }
        Ok(true)
    }

    /// The unit for one more element; `None` where there is no room for it.
    fn unit(&mut self, from: Unit, branch: &'m BranchTable, many: bool, starts: bool) -> Option<Unit> {
        let part = branch.unit.part;
        let Some(route) = &branch.unit.route else {
            return match from.segment() {
                Some(segment) if part != PartTable::Whole => self.part(segment, part, many),
                _ => Some(from),
            };
        };
        let Unit::Loop(from) = from else { return None };
        if route.segments.is_empty() {
            let Some((last, steps)) = route.loops.split_last() else {
                return self.enclosing(from, route, &[]).map(Unit::Loop);
            };
            let parent = self.enclosing(from, route, steps)?;
            let found = if many { None } else { self.draft.child_loops(parent, *last).next() };
            return Some(Unit::Loop(found.unwrap_or_else(|| self.draft.add_loop(parent, *last, None))));
        }
        let parent = self.enclosing(from, route, &route.loops)?;
        if part == PartTable::Whole {
            let at = if many { self.new_segment(parent, route) } else { self.segment(parent, route) };
            return Some(Unit::Segment(at));
        }
        if !many {
            let at = self.segment(parent, route);
            return self.part(at, part, false);
        }
        let open = self.draft.segments_in(parent).filter(|at| self.suits(*at, route) && self.room(*at, part).is_some());
        let segment = match open.last() {
            Some(at) if !starts => at,
            _ => self.new_segment(parent, route),
        };
        self.part(segment, part, true)
    }

    /// The first free position of a part.
    fn room(&self, segment: usize, part: PartTable) -> Option<u16> {
        let free = |first: &u16, width: u16| !self.draft.is_filled(segment, *first, width);
        match part {
            PartTable::Whole => None,
            PartTable::Composite { element } => Some(element).filter(|at| free(at, 1)),
            PartTable::Composites { first, last } => (first..=last).find(|at| free(at, 1)),
            PartTable::Groups { first, last, step } => (first..=last).step_by(step.into()).find(|at| free(at, step)),
            PartTable::Repetitions { element } => {
                let used = self.draft.segments[segment].values.iter().filter(|value| value.element == element);
                used.map(|value| value.repetition).max().map_or(Some(0), |last| last.checked_add(1))
            }
        }
    }

    fn part(&self, segment: usize, part: PartTable, many: bool) -> Option<Unit> {
        let at = match part {
            PartTable::Whole => return Some(Unit::Segment(segment)),
            PartTable::Composite { element } if !many => element,
            _ => self.room(segment, part)?,
        };
        Some(match part {
            PartTable::Groups { .. } => Unit::Group { segment, first: at },
            PartTable::Repetitions { element } => Unit::Composite { segment, element, repetition: at },
            _ => Unit::Composite { segment, element: at, repetition: 0 },
        })
    }
}
