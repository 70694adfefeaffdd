//! The walk: which segment of the guide a segment is, which loops it closes and opens, what is missing.

use super::{Envelope, OpenLoop, Output, SetJudge, loop_id};
use crate::program::Program;
use crate::tables::{ChildTable, Usage};
use crate::x12::check;
use crate::x12::finding::{Finding, Place, Severity};
use crate::x12::guide::{pack, packed_id};
use crate::x12::kind::Kind;
use crate::x12::scan::{SegmentText, append};
use crate::x12::tree::{LoopInstance, Mark, NONE};
use crate::x12::ways::Transition;

impl SetJudge {
    pub(super) fn begin(&mut self, program: &Program, segment: &SegmentText, out: &mut Output) {
        let Some(ChildTable::Segment(first)) = program.guide.table.loops[0].children.first().copied() else {
            return;
        };
        self.open_loop(program, 0, 1);
        self.arrive(program, first, segment, out);
        self.end = segment.end();
    }

    /// The first way whose key matches and that is not used up; else the first that matches; else, where
    /// only one segment can be meant, that one (its qualifier is then the fault).
    pub(super) fn choose<'a>(
        &self,
        program: &Program,
        ways: &'a [Transition],
        segment: &SegmentText,
    ) -> Option<&'a Transition> {
        // Siblings are told apart by one element; it is packed once for all of them.
        let mut packed = ((0, 0), None);
        let mut matches = |way: &&Transition| {
            let (element, component, set) = way.key;
            if set == NONE {
                return true;
            }
            if packed.0 != (element, component) {
                packed = ((element, component), pack(segment.get(element, component)));
            }
            let codes = &program.code_sets[set as usize];
            match packed.1 {
                Some(word) => codes.contains_packed(word),
                None => codes.contains(segment.get(element, component)),
            }
        };
        let mut first = None;
        for way in ways.iter().filter(&mut matches) {
            if !self.used_up(program, way) {
                return Some(way);
            }
            first = first.or(Some(way));
        }
        first.or(match ways {
            [only] => Some(only),
            _ => None,
        })
    }

    pub(super) fn used_up(&self, program: &Program, way: &Transition) -> bool {
        let table = &program.guide.table;
        match program.guide.ways.pushes(way).first() {
            // A loop that begins anew has its segments unused; the loop itself may be used up.
            Some(of) => {
                let repeat = table.loops[*of as usize].repeat;
                repeat != 0 && self.loop_counts[*of as usize] >= repeat
            }
            None => {
                let max_use = table.segments[way.target as usize].max_use;
                max_use != 0 && self.segment_counts[way.target as usize] >= max_use
            }
        }
    }

    pub(super) fn follow(
        &mut self,
        program: &Program,
        way: &Transition,
        segment: &SegmentText,
        envelope: &Envelope,
        out: &mut Output,
    ) {
        for _ in 0..way.pops {
            self.close_loop(program, segment.position, envelope, out);
        }
        let guide = &program.guide;
        for of in guide.ways.pushes(way) {
            let enclosing = guide.table.loops[*of as usize].position;
            self.require_before(program, enclosing, segment.position, out);
            if guide.is_item[*of as usize] {
                self.begin_item(segment.offset, out);
            }
            self.loop_counts[*of as usize] += 1;
            let repeat = guide.table.loops[*of as usize].repeat;
            if repeat != 0 && self.loop_counts[*of as usize] > repeat {
                let target = &guide.table.segments[way.target as usize];
                let place = Place {
                    segment: Some(target.id.as_str().into()),
                    position: Some(segment.position),
                    loop_id: loop_id(&guide.table, *of),
                    ..self.place()
                };
                let mut finding =
                    Finding::new(Kind::LoopOverMaximum, Severity::Error, place).detail(repeat.to_string());
                finding.name = Some(guide.table.loops[*of as usize].name.as_str().into());
                out.log.push(finding);
            }
            self.open_loop(program, *of, segment.position);
        }
        let own = guide.table.segments[way.target as usize].position;
        self.require_before(program, own, segment.position, out);
        self.arrive(program, way.target, segment, out);
    }

    pub(super) fn open_loop(&mut self, program: &Program, node: u32, position: u32) {
        let mark = self.tree.mark();
        let instance = self.tree.loops.len() as u32;
        let parent = self.open.last().map_or(NONE, |open| open.instance);
        self.tree.loops.push(LoopInstance {
            node,
            parent,
            ordinal: self.loop_counts[node as usize].max(1),
            first_segment: NONE,
            last_segment: NONE,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
            position,
            hl_ordinal: 0,
        });
        if parent != NONE {
            match self.tree.loops[parent as usize].last_child {
                NONE => self.tree.loops[parent as usize].first_child = instance,
                last => self.tree.loops[last as usize].next_sibling = instance,
            }
            self.tree.loops[parent as usize].last_child = instance;
        }
        for child in &program.guide.table.loops[node as usize].children {
            match child {
                ChildTable::Loop(of) => self.loop_counts[*of as usize] = 0,
                ChildTable::Segment(of) => self.segment_counts[*of as usize] = 0,
            }
        }
        self.open.push(OpenLoop {
            node,
            instance,
            mark,
            next_required: 0,
            level: 0,
            declares_children: None,
            has_children: false,
            items: 0,
        });
    }

    /// Puts the segment into the open loop as `target` and judges its elements.
    pub(super) fn arrive(&mut self, program: &Program, target: u32, segment: &SegmentText, out: &mut Output) {
        let index = self.attach(target, segment);
        self.current = target;
        let table = &program.guide.table.segments[target as usize];
        self.segment_counts[target as usize] += 1;
        if table.usage == Usage::NotUsed {
            self.report_segment(program, Kind::SegmentNotUsed, Severity::Error, index, "", out);
        } else if table.max_use != 0 && self.segment_counts[target as usize] > table.max_use {
            self.report_segment(
                program,
                Kind::SegmentOverMaximum,
                Severity::Error,
                index,
                &table.max_use.to_string(),
                out,
            );
        }
        self.check_segment(program, target, index, segment.scanned, out);
        if let Some(open) = self.open.last()
            && program.guide.hierarchical[open.node as usize]
            && table.id == "HL"
        {
            self.check_level(program, index, out);
        }
        self.note_context(program, target, index);
        self.guard_item_size(program, index, out);
    }

    pub(super) fn attach(&mut self, node: u32, segment: &SegmentText) -> u32 {
        let index = append(&mut self.tree, segment);
        let parent = self.open.last().map_or(NONE, |open| open.instance);
        let segment = &mut self.tree.segments[index as usize];
        segment.node = node;
        segment.parent = parent;
        if parent != NONE {
            match self.tree.loops[parent as usize].last_segment {
                NONE => self.tree.loops[parent as usize].first_segment = index,
                last => self.tree.segments[last as usize].next = index,
            }
            self.tree.loops[parent as usize].last_segment = index;
        }
        index
    }

    /// The innermost loop has moved on to `until`: what is required before and absent is missing.
    pub(super) fn require_before(&mut self, program: &Program, until: u32, position: u32, out: &mut Output) {
        let Some(open) = self.open.last() else { return };
        let node = open.node;
        let required = &program.guide.required[node as usize];
        let mut next = open.next_required;
        while let Some(found) = required.get(next).filter(|found| found.position < until) {
            next += 1;
            self.require(program, node, found.child, position, out);
        }
        if let Some(open) = self.open.last_mut() {
            open.next_required = next;
        }
    }

    pub(super) fn require(&self, program: &Program, parent: u32, child: ChildTable, position: u32, out: &mut Output) {
        let guide = &program.guide;
        let (kind, of, segment) = match child {
            ChildTable::Segment(segment) if self.segment_counts[segment as usize] == 0 => {
                (Kind::RequiredSegmentMissing, parent, segment)
            }
            ChildTable::Loop(of) if self.loop_counts[of as usize] == 0 => {
                if guide.table.loops[of as usize].wrapper {
                    for inner in &guide.required[of as usize] {
                        // Nothing inside a wrapper that never opened has been counted.
                        self.report_absent(program, of, inner.child, position, out);
                    }
                    return;
                }
                match guide.trigger(of) {
                    Some(segment) => (Kind::RequiredLoopMissing, of, segment),
                    None => return,
                }
            }
            _ => return,
        };
        self.report_missing(program, kind, of, segment, position, out);
    }

    pub(super) fn report_absent(
        &self,
        program: &Program,
        parent: u32,
        child: ChildTable,
        position: u32,
        out: &mut Output,
    ) {
        match child {
            ChildTable::Segment(segment) => {
                self.report_missing(program, Kind::RequiredSegmentMissing, parent, segment, position, out);
            }
            ChildTable::Loop(of) => {
                if let Some(segment) = program.guide.trigger(of) {
                    self.report_missing(program, Kind::RequiredLoopMissing, of, segment, position, out);
                }
            }
        }
    }

    pub(super) fn close_loop(&mut self, program: &Program, position: u32, envelope: &Envelope, out: &mut Output) {
        self.require_before(program, u32::MAX, position, out);
        let Some(open) = self.open.last() else { return };
        let (node, instance, mark, items) = (open.node, open.instance, open.mark, open.items);
        let guide = &program.guide;
        if open.declares_children.is_some_and(|declared| declared != open.has_children) {
            let first = self.tree.loops[instance as usize].first_segment;
            if first != NONE {
                self.report_element(program, Kind::HierarchicalChildWrong, Severity::Warning, first, (4, 1, 0), out);
            }
        }
        if program.rules.anchored(node) && !self.overflowed {
            self.judge_rules(program, node, instance, out);
        }
        let (is_item, encloses) = (guide.is_item[node as usize], guide.encloses_item[node as usize]);
        if is_item {
            self.finish_item(program, instance, envelope, out);
        } else if encloses && guide.hierarchical[node as usize] && items == 0 {
            self.write_remainder(program, instance, envelope, out);
        }
        self.open.pop();
        // What encloses items, or is one, is done with; inside an item and beside one everything stays.
        let outside = guide.table.item.is_none() && !self.open.iter().any(|above| program.rules.anchored(above.node));
        if (is_item || encloses || outside) && !self.open.is_empty() {
            self.renderer.forget_from(instance);
            self.drop_instance(instance, mark);
        }
    }

    /// Unlinks the last child of the enclosing loop and drops everything from it on.
    pub(super) fn drop_instance(&mut self, instance: u32, mark: Mark) {
        let parent = self.tree.loops[instance as usize].parent;
        let mut before = NONE;
        let mut child = self.tree.loops[parent as usize].first_child;
        while child != NONE && child != instance {
            before = child;
            child = self.tree.loops[child as usize].next_sibling;
        }
        match before {
            NONE => self.tree.loops[parent as usize].first_child = NONE,
            before => self.tree.loops[before as usize].next_sibling = NONE,
        }
        self.tree.loops[parent as usize].last_child = before;
        self.tree.truncate(mark);
    }

    /// No way leads to this segment: says why, and keeps it beside the open loop.
    pub(super) fn unplaced(&mut self, program: &Program, id: u32, segment: &SegmentText, out: &mut Output) {
        let guide = &program.guide;
        let kind = if self.fits_earlier(program, id, segment) {
            Kind::SegmentOutOfSequence
        } else if guide.in_guide.contains(&id) {
            Kind::SegmentUnexpected
        } else if guide.known_segments.contains(&id) {
            Kind::SegmentNotInSet
        } else {
            Kind::SegmentUnrecognised
        };
        let place = Place {
            segment: Some(String::from_utf8_lossy(segment.id_prefix()).into()),
            position: Some(segment.position),
            loop_id: self.open.last().and_then(|open| loop_id(&guide.table, open.node)),
            ..self.place()
        };
        out.log.push(Finding::new(kind, Severity::Error, place).value((segment.offset, segment.end() - 1)));
        let index = self.attach(NONE, segment);
        self.guard_item_size(program, index, out);
    }

    /// One of the open loops has such a segment before the present place.
    pub(super) fn fits_earlier(&self, program: &Program, id: u32, text: &SegmentText) -> bool {
        let guide = &program.guide.table;
        self.open.iter().any(|open| {
            guide.loops[open.node as usize].children.iter().any(|child| {
                let ChildTable::Segment(at) = child else { return false };
                let segment = &guide.segments[*at as usize];
                packed_id(segment.id.as_bytes()) == id
                    && match (&segment.key, segment.elements.first().and_then(|first| first.code_set)) {
                        (Some(key), _) => {
                            program.code_sets[key.code_set as usize].contains(text.get(key.element, key.component))
                        }
                        // The only one of its name may still be for another qualifier.
                        (None, Some(codes)) => program.code_sets[codes as usize].contains(text.get(1, 1)),
                        (None, None) => true,
                    }
            })
        })
    }

    /// HL01 counts on from 1, HL02 names the enclosing level, HL04 says whether levels follow inside.
    pub(super) fn check_level(&mut self, program: &Program, index: u32, out: &mut Output) {
        let read = |element| {
            let value = self.tree.get(index, element, 0, 1);
            (value.len() < 18 && check::all_digits(value))
                .then(|| value.iter().fold(0_u64, |total, digit| total * 10 + u64::from(digit - b'0')))
        };
        let (number, parent, child) = (read(1), read(2), read(4));
        let has_parent = self.tree.find(index, 2, 0, 1).is_some();
        let above = self.open.iter().rev().skip(1).find(|open| program.guide.hierarchical[open.node as usize]);
        let expected_parent = above.map(|open| open.level);
        let expected = self.last_level + 1;
        if self.tree.find(index, 1, 0, 1).is_some() && number != Some(expected) {
            self.report_element(program, Kind::HierarchicalNumberWrong, Severity::Error, index, (1, 1, 0), out);
        }
        if has_parent && expected_parent.is_some() && parent != expected_parent {
            self.report_element(program, Kind::HierarchicalParentWrong, Severity::Error, index, (2, 1, 0), out);
        }
        // One wrong number must not make every later one wrong.
        let level = number.filter(|number| *number > self.last_level).unwrap_or(expected);
        self.last_level = level;
        let above = self.open.iter_mut().rev().skip(1).find(|open| program.guide.hierarchical[open.node as usize]);
        if let Some(open) = above {
            open.has_children = true;
        }
        self.level_count += 1;
        if let Some(open) = self.open.last_mut() {
            self.tree.loops[open.instance as usize].hl_ordinal = self.level_count;
            open.level = level;
            open.declares_children = child.map(|child| child == 1);
        }
    }
}
