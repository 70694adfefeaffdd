//! One transaction set against its guide: the walk from ST to SE, loops opened and closed, items made.
//!
//! The tree holds the enclosing context and one item at a time. A segment that finds no place is reported
//! and kept beside the loop that was open; the walk goes on from where it was.

use std::sync::Arc;

use crate::map::context::DocumentContext;
use crate::map::read::Renderer;
use crate::program::Program;
use crate::tables::{ChildTable, Usage};
use crate::x12::check;
use crate::x12::finding::{Finding, FindingLog, Place, Severity, Trigger};
use crate::x12::guide::{Element, Transition, element_bit, pack, packed_id};
use crate::x12::kind::Kind;
use crate::x12::rules::Broken;
use crate::x12::scan::{CharacterSet, Scanned, append};
use crate::x12::tree::{LoopInstance, Mark, NONE, Slot, Tree};

/// What the enclosing context and one item may hold, in bytes of segments; indices take about ten times
/// as much. A claim of 50 lines has 3 KB, so what is larger is broken or an attack.
pub const ITEM_CAP: usize = 8 << 20;

/// Ordinals, from 1, of where the set stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ordinals {
    pub interchange: u32,
    pub group: u32,
    pub set: u32,
}

/// The envelope as received, for `<source>`.
pub struct Envelope<'a> {
    pub interchange: &'a [Vec<u8>],
    pub group: &'a [Vec<u8>],
    pub set: &'a [Vec<u8>],
}

/// An item whose loop has closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemDone {
    pub interchange: u32,
    pub group: u32,
    pub set: u32,
    pub ordinal: u32,
    pub worst: Option<Severity>,
    pub xml: Option<(usize, usize)>,
    pub source: (u64, u64),
    pub context: Option<(u64, u64)>,
}

/// What the reader collects for its caller.
#[derive(Debug, Default)]
pub struct Output {
    pub xml: Vec<u8>,
    pub items: Vec<ItemDone>,
    pub log: FindingLog,
}

/// How this set is to be judged and written.
#[derive(Clone)]
pub struct SetOptions {
    pub program: Arc<Program>,
    pub source_attributes: String,
    pub document_prefix: String,
    pub characters: CharacterSet,
    pub today: Vec<u8>,
    /// False: judge only.
    pub documents: bool,
}

struct OpenLoop {
    node: u32,
    instance: u32,
    mark: Mark,
    /// Index of the next required child not yet looked at.
    next_required: usize,
    /// HL01 of this loop, where it is hierarchical.
    level: u64,
    declares_children: Option<bool>,
    has_children: bool,
    /// Items inside so far.
    items: u32,
}

struct OpenItem {
    ordinal: u32,
    errors: u32,
    warnings: u32,
    start: u64,
    context: Option<(u64, u64)>,
}

pub struct SetJudge {
    options: SetOptions,
    ordinals: Ordinals,
    tree: Tree,
    renderer: Renderer,
    open: Vec<OpenLoop>,
    /// The guide segment last passed.
    current: u32,
    segment_counts: Vec<u32>,
    loop_counts: Vec<u32>,
    item: Option<OpenItem>,
    item_count: u32,
    /// Something outgrew `ITEM_CAP`: the walk goes on, but nothing is kept, ruled on or written any more.
    overflowed: bool,
    /// Documents written for this set, remainders included.
    document_count: u32,
    last_level: u64,
    level_count: u32,
    /// End of the last segment in the stream.
    end: u64,
    broken: Vec<Broken>,
}

impl SetJudge {
    pub fn new(options: SetOptions, ordinals: Ordinals, tree: Tree) -> Self {
        let guide = &options.program.guide;
        let (segments, loops) = (guide.table.segments.len(), guide.table.loops.len());
        let mut judge = Self {
            options,
            ordinals,
            tree,
            renderer: Renderer::new(),
            open: Vec::with_capacity(8),
            current: 0,
            segment_counts: vec![0; segments],
            loop_counts: vec![0; loops],
            item: None,
            item_count: 0,
            overflowed: false,
            document_count: 0,
            last_level: 0,
            level_count: 0,
            end: 0,
            broken: Vec::new(),
        };
        judge.tree.truncate(Mark::default());
        judge.renderer.reset();
        judge
    }

    /// Gives the arena back for the next set.
    pub fn into_tree(self) -> Tree {
        self.tree
    }

    pub fn guide_id(&self) -> &str {
        &self.options.program.guide.table.id
    }

    /// Items begun so far, remainders included.
    pub fn item_count(&self) -> u32 {
        self.item_count
    }

    pub fn value_counts(&self) -> crate::map::context::ValueCounts {
        self.renderer.counts()
    }

    fn place(&self) -> Place {
        Place {
            interchange: self.ordinals.interchange,
            group: Some(self.ordinals.group),
            set: Some(self.ordinals.set),
            item: self.item.as_ref().map(|item| item.ordinal),
            ..Place::default()
        }
    }

    /// Judges one segment, ST first. `position` counts from ST = 1; `offset` is its first byte in the stream.
    pub fn segment(
        &mut self,
        bytes: &[u8],
        scanned: &Scanned,
        position: u32,
        offset: u64,
        envelope: &Envelope,
        out: &mut Output,
    ) {
        if position == 1 {
            self.begin(bytes, scanned, offset, out);
            return;
        }
        let id = packed_id(&bytes[..scanned.id_length]);
        let program = Arc::clone(&self.options.program);
        let program = &program;
        let ways = program.guide.segments[self.current as usize].transitions.get(&id);
        match ways.and_then(|ways| self.choose(program, ways, bytes, scanned)) {
            Some(way) => self.follow(program, way, bytes, scanned, position, offset, envelope, out),
            None => self.unplaced(program, id, bytes, scanned, position, offset, out),
        }
        self.end = offset + bytes.len() as u64 + 1;
    }

    fn begin(&mut self, bytes: &[u8], scanned: &Scanned, offset: u64, out: &mut Output) {
        let program = Arc::clone(&self.options.program);
        let Some(ChildTable::Segment(first)) = program.guide.table.loops[0].children.first().copied() else {
            return;
        };
        self.open_loop(0, 1);
        self.arrive(&program, first, bytes, scanned, 1, offset, out);
        self.end = offset + bytes.len() as u64 + 1;
    }

    /// The first way whose key matches and that is not used up; else the first that matches; else, where
    /// only one segment can be meant, that one (its qualifier is then the fault).
    fn choose<'a>(
        &self,
        program: &Program,
        ways: &'a [Transition],
        bytes: &[u8],
        scanned: &Scanned,
    ) -> Option<&'a Transition> {
        // Siblings are told apart by one element; it is packed once for all of them.
        let mut packed = ((0, 0), None);
        let mut matches = |way: &&Transition| {
            let (element, component, set) = way.key;
            if set == NONE {
                return true;
            }
            if packed.0 != (element, component) {
                packed = ((element, component), pack(scanned.get(bytes, element, component)));
            }
            packed.1.is_some_and(|word| program.code_sets[set as usize].contains_packed(word))
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

    fn used_up(&self, program: &Program, way: &Transition) -> bool {
        let table = &program.guide.table;
        match way.pushes.first() {
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

    #[allow(clippy::too_many_arguments, reason = "one step of the walk; a struct would only rename the list")]
    fn follow(
        &mut self,
        program: &Arc<Program>,
        way: &Transition,
        bytes: &[u8],
        scanned: &Scanned,
        position: u32,
        offset: u64,
        envelope: &Envelope,
        out: &mut Output,
    ) {
        for _ in 0..way.pops {
            self.close_loop(program, position, envelope, out);
        }
        let guide = &program.guide;
        for of in &way.pushes {
            let enclosing = guide.table.loops[*of as usize].position;
            self.require_before(program, enclosing, position, out);
            if guide.is_item[*of as usize] {
                self.begin_item(offset, out);
            }
            self.loop_counts[*of as usize] += 1;
            let repeat = guide.table.loops[*of as usize].repeat;
            if repeat != 0 && self.loop_counts[*of as usize] > repeat {
                let target = &guide.table.segments[way.target as usize];
                let place = Place {
                    segment: Some(target.id.as_str().into()),
                    position: Some(position),
                    loop_id: Some(guide.table.loops[*of as usize].id.as_str().into()),
                    ..self.place()
                };
                let mut finding =
                    Finding::new(Kind::LoopOverMaximum, Severity::Error, place).detail(repeat.to_string());
                finding.name = Some(guide.table.loops[*of as usize].name.as_str().into());
                out.log.push(finding);
            }
            self.open_loop(*of, position);
        }
        let own = guide.table.segments[way.target as usize].position;
        self.require_before(program, own, position, out);
        self.arrive(program, way.target, bytes, scanned, position, offset, out);
    }

    fn open_loop(&mut self, node: u32, position: u32) {
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
        let program = &self.options.program;
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
    #[allow(clippy::too_many_arguments, reason = "one step of the walk; a struct would only rename the list")]
    fn arrive(
        &mut self,
        program: &Arc<Program>,
        target: u32,
        bytes: &[u8],
        scanned: &Scanned,
        position: u32,
        offset: u64,
        out: &mut Output,
    ) {
        let index = self.attach(target, bytes, scanned, position, offset);
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
        self.check_segment(program, target, index, scanned, out);
        if let Some(open) = self.open.last()
            && program.guide.hierarchical[open.node as usize]
            && table.id == "HL"
        {
            self.check_level(program, index, out);
        }
        self.note_context(program, target, index);
        self.guard_item_size(program, index, out);
    }

    fn attach(&mut self, node: u32, bytes: &[u8], scanned: &Scanned, position: u32, offset: u64) -> u32 {
        let index = append(&mut self.tree, bytes, scanned, position, offset);
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

    fn begin_item(&mut self, offset: u64, out: &Output) {
        self.item_count += 1;
        self.item = Some(OpenItem {
            ordinal: self.item_count,
            errors: out.log.errors,
            warnings: out.log.warnings,
            start: offset,
            context: None,
        });
        for open in &mut self.open {
            open.items += 1;
        }
    }

    /// CTX01-2 of the 999: the value that names the item.
    fn note_context(&mut self, program: &Program, target: u32, index: u32) {
        let Some(open) = self.item.as_mut().filter(|open| open.context.is_none()) else { return };
        let Some(item) = &program.guide.table.item else { return };
        if item.context_segments.contains(&target)
            && let Some(slot) = self.tree.find(index, item.context_element, 0, 1)
        {
            let segment = &self.tree.segments[index as usize];
            open.context = Some(absolute(segment.offset, segment.start, &self.tree.slots[slot as usize]));
        }
    }

    fn guard_item_size(&mut self, program: &Arc<Program>, index: u32, out: &mut Output) {
        if self.tree.text.len() <= ITEM_CAP {
            return;
        }
        if !self.overflowed {
            self.overflowed = true;
            self.options.documents = false;
            self.report_segment(program, Kind::ItemTooLarge, Severity::Error, index, &ITEM_CAP.to_string(), out);
        }
        self.forget_segments();
    }

    /// Drops every segment of the open loops: nothing of this item will be written or judged by rules.
    fn forget_segments(&mut self) {
        for open in &self.open {
            let instance = &mut self.tree.loops[open.instance as usize];
            (instance.first_segment, instance.last_segment) = (NONE, NONE);
            (instance.first_child, instance.last_child) = (NONE, NONE);
        }
        self.tree.segments.clear();
        self.tree.slots.clear();
        self.tree.text.clear();
        self.renderer.reset();
    }

    /// The innermost loop has moved on to `until`: what is required before and absent is missing.
    fn require_before(&mut self, program: &Arc<Program>, until: u32, position: u32, out: &mut Output) {
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

    fn require(&self, program: &Arc<Program>, parent: u32, child: ChildTable, position: u32, out: &mut Output) {
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

    fn report_absent(&self, program: &Arc<Program>, parent: u32, child: ChildTable, position: u32, out: &mut Output) {
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

    fn report_missing(
        &self,
        program: &Arc<Program>,
        kind: Kind,
        of: u32,
        segment: u32,
        position: u32,
        out: &mut Output,
    ) {
        let guide = &program.guide.table;
        let place = Place {
            segment: Some(guide.segments[segment as usize].id.as_str().into()),
            position: Some(position),
            loop_id: Some(guide.loops[of as usize].id.as_str().into()),
            ..self.place()
        };
        let mut finding = Finding::new(kind, Severity::Error, place);
        finding.name = Some(match kind {
            Kind::RequiredLoopMissing => guide.loops[of as usize].name.as_str().into(),
            _ => guide.segments[segment as usize].name.as_str().into(),
        });
        out.log.push(finding);
    }

    fn close_loop(&mut self, program: &Arc<Program>, position: u32, envelope: &Envelope, out: &mut Output) {
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
            self.write_remainder(instance, envelope, out);
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
    fn drop_instance(&mut self, instance: u32, mark: Mark) {
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

    fn judge_rules(&mut self, program: &Arc<Program>, node: u32, instance: u32, out: &mut Output) {
        let mut broken = std::mem::take(&mut self.broken);
        program.rules.judge(&self.tree, node, instance, &program.code_sets, &self.options.today, &mut broken);
        for found in broken.drain(..) {
            if found.segment != NONE {
                out.log.push_with(found.mark.severity, || self.rule_finding(program, &found));
            }
        }
        self.broken = broken;
    }

    fn rule_finding(&self, program: &Program, found: &Broken) -> Finding {
        let at = match found.slot {
            NONE => (0, 0, 0),
            slot => {
                let slot = &self.tree.slots[slot as usize];
                (slot.element, slot.component, slot.repetition)
            }
        };
        let mut finding = self.element_finding(program, Kind::Rule, found.mark.severity, found.segment, at);
        if found.slot == NONE {
            finding.place.element = None;
        }
        if let Some(missing) = found.missing {
            self.point_to_missing(program, missing, found.segment, &mut finding);
        }
        finding.rule = Some(Arc::clone(&found.mark));
        finding.trigger = found.trigger.map(|(segment, slot)| {
            let instance = &self.tree.segments[segment as usize];
            let (element, component) = match slot {
                NONE => (0, 0),
                slot => (self.tree.slots[slot as usize].element, self.tree.slots[slot as usize].component),
            };
            Trigger {
                segment: String::from_utf8_lossy(self.tree.id(instance)).into(),
                position: instance.position,
                element,
                component,
            }
        });
        finding
    }

    /// The finding names the segment that a rule misses, where it would stand in the anchor's loop.
    fn point_to_missing(&self, program: &Program, missing: u32, anchor_segment: u32, finding: &mut Finding) {
        let guide = &program.guide.table;
        let segment = &guide.segments[missing as usize];
        let anchor = self.tree.segments[anchor_segment as usize].parent;
        let before = (anchor != NONE)
            .then(|| {
                self.tree
                    .segments_in(anchor)
                    .map(|index| &self.tree.segments[index as usize])
                    .take_while(|other| {
                        guide.segments.get(other.node as usize).is_none_or(|node| node.position <= segment.position)
                    })
                    .last()
            })
            .flatten();
        finding.place.segment = Some(segment.id.as_str().into());
        finding.place.position = before.map(|before| before.position + 1).or(finding.place.position);
        finding.place.loop_id = Some(guide.loops[segment.parent as usize].id.as_str().into());
        finding.place.element = None;
        finding.place.component = None;
        finding.place.repetition = None;
        finding.data_element = None;
        finding.name = Some(segment.name.as_str().into());
        finding.value = None;
    }

    fn finish_item(&mut self, program: &Arc<Program>, instance: u32, envelope: &Envelope, out: &mut Output) {
        let Some(item) = self.item.take() else { return };
        let worst = if out.log.errors > item.errors {
            Some(Severity::Error)
        } else if out.log.warnings > item.warnings {
            Some(Severity::Warning)
        } else {
            None
        };
        let mut xml = None;
        if worst != Some(Severity::Error) && self.options.documents && program.mapping.is_some() {
            let start = out.xml.len();
            self.write(Document::Item(instance), item.ordinal, envelope, out);
            xml = Some((start, out.xml.len()));
        }
        out.items.push(ItemDone {
            interchange: self.ordinals.interchange,
            group: self.ordinals.group,
            set: self.ordinals.set,
            ordinal: item.ordinal,
            worst,
            xml,
            source: (item.start, self.end),
            context: item.context,
        });
    }

    /// A level without items is carried by a document of its own, so that nothing is lost. It counts as an
    /// item of the levels around it: they need no document of their own.
    fn write_remainder(&mut self, instance: u32, envelope: &Envelope, out: &mut Output) {
        if !self.options.documents || self.options.program.mapping.is_none() || out.log.errors > 0 {
            return;
        }
        self.item_count += 1;
        let ordinal = self.item_count;
        for open in &mut self.open {
            open.items += 1;
        }
        let start = out.xml.len();
        self.write(Document::Remainder(instance), ordinal, envelope, out);
        out.items.push(ItemDone {
            interchange: self.ordinals.interchange,
            group: self.ordinals.group,
            set: self.ordinals.set,
            ordinal,
            worst: None,
            xml: Some((start, out.xml.len())),
            source: (self.end, self.end),
            context: None,
        });
    }

    fn write(&mut self, document: Document, ordinal: u32, envelope: &Envelope, out: &mut Output) {
        let program = Arc::clone(&self.options.program);
        let Some(mapping) = &program.mapping else { return };
        self.document_count += 1;
        let id = format!("{}{ordinal}", self.options.document_prefix);
        let context = DocumentContext {
            kind: program.guide.table.item.as_ref().map_or("set", |item| &item.kind),
            id: &id,
            guide: &program.guide.table.id,
            source_attributes: &self.options.source_attributes,
            interchange: envelope.interchange,
            group: envelope.group,
            set: envelope.set,
            interchange_ordinal: self.ordinals.interchange.into(),
            group_ordinal: self.ordinals.group.into(),
            set_ordinal: self.ordinals.set.into(),
            item_ordinal: ordinal.into(),
        };
        match document {
            Document::Item(of) => self.renderer.write_document(&mut out.xml, mapping, &self.tree, &context, of),
            Document::Remainder(of) => self.renderer.write_remainder(&mut out.xml, mapping, &self.tree, &context, of),
            Document::Set => self.renderer.write_set_document(&mut out.xml, mapping, &self.tree, &context),
        }
    }

    /// SE has come, or will not come: closes what is open.
    pub fn finish(&mut self, position: u32, envelope: &Envelope, out: &mut Output) {
        while !self.open.is_empty() {
            if self.open.len() == 1 && self.document_count == 0 && self.item_count == 0 {
                self.require_before(&Arc::clone(&self.options.program), u32::MAX, position, out);
                if out.log.errors == 0 && self.options.documents && self.options.program.mapping.is_some() {
                    let start = out.xml.len();
                    self.write(Document::Set, 0, envelope, out);
                    out.items.push(ItemDone {
                        interchange: self.ordinals.interchange,
                        group: self.ordinals.group,
                        set: self.ordinals.set,
                        ordinal: 0,
                        worst: None,
                        xml: Some((start, out.xml.len())),
                        source: (self.end, self.end),
                        context: None,
                    });
                }
            }
            self.close_loop(&Arc::clone(&self.options.program), position, envelope, out);
        }
    }

    /// No way leads to this segment: says why, and keeps it beside the open loop.
    #[allow(clippy::too_many_arguments, reason = "one step of the walk; a struct would only rename the list")]
    fn unplaced(
        &mut self,
        program: &Arc<Program>,
        id: u32,
        bytes: &[u8],
        scanned: &Scanned,
        position: u32,
        offset: u64,
        out: &mut Output,
    ) {
        let guide = &program.guide;
        let kind = if self.fits_earlier(program, id, bytes, scanned) {
            Kind::SegmentOutOfSequence
        } else if guide.in_guide.contains(&id) {
            Kind::SegmentUnexpected
        } else if guide.known_segments.contains(&id) {
            Kind::SegmentNotInSet
        } else {
            Kind::SegmentUnrecognised
        };
        let place = Place {
            segment: Some(String::from_utf8_lossy(&bytes[..scanned.id_length.min(3)]).into()),
            position: Some(position),
            loop_id: self.open.last().map(|open| guide.table.loops[open.node as usize].id.as_str().into()),
            ..self.place()
        };
        out.log.push(Finding::new(kind, Severity::Error, place).value((offset, offset + bytes.len() as u64)));
        let index = self.attach(NONE, bytes, scanned, position, offset);
        self.guard_item_size(program, index, out);
    }

    /// One of the open loops has such a segment before the present place.
    fn fits_earlier(&self, program: &Program, id: u32, bytes: &[u8], scanned: &Scanned) -> bool {
        let guide = &program.guide.table;
        self.open.iter().any(|open| {
            guide.loops[open.node as usize].children.iter().any(|child| {
                let ChildTable::Segment(at) = child else { return false };
                let segment = &guide.segments[*at as usize];
                packed_id(segment.id.as_bytes()) == id
                    && match (&segment.key, segment.elements.first().and_then(|first| first.code_set)) {
                        (Some(key), _) => program.code_sets[key.code_set as usize].contains(scanned.get(
                            bytes,
                            key.element,
                            key.component,
                        )),
                        // The only one of its name may still be for another qualifier.
                        (None, Some(codes)) => program.code_sets[codes as usize].contains(scanned.get(bytes, 1, 1)),
                        (None, None) => true,
                    }
            })
        })
    }

    fn report_segment(
        &self,
        program: &Program,
        kind: Kind,
        severity: Severity,
        index: u32,
        detail: &str,
        out: &mut Output,
    ) {
        out.log.push_with(severity, || {
            let mut finding = self.element_finding(program, kind, severity, index, (0, 0, 0)).detail(detail);
        finding.place.element = None;
            finding
        });
    }

    fn report_element(
        &self,
        program: &Program,
        kind: Kind,
        severity: Severity,
        index: u32,
        at: (u16, u16, u16),
        out: &mut Output,
    ) {
        out.log.push_with(severity, || self.element_finding(program, kind, severity, index, at));
    }

    /// `at` is element, component, repetition (from 0); the component is told only of a composite.
    fn element_finding(
        &self,
        program: &Program,
        kind: Kind,
        severity: Severity,
        index: u32,
        at: (u16, u16, u16),
    ) -> Finding {
        let guide = &program.guide.table;
        let instance = &self.tree.segments[index as usize];
        let (element, component, repetition) = at;
        let segment = guide.segments.get(instance.node as usize);
        let definition = segment.and_then(|segment| segment.elements.get(usize::from(element).wrapping_sub(1)));
        let inner = definition.and_then(|whole| whole.components.get(usize::from(component).wrapping_sub(1)));
        let slot = self.tree.find(index, element, repetition, component.max(1));
        let parent = instance.parent;
        let place = Place {
            segment: Some(String::from_utf8_lossy(self.tree.id(instance)).into()),
            position: Some(instance.position),
            loop_id: (parent != NONE)
                .then(|| guide.loops[self.tree.loops[parent as usize].node as usize].id.as_str().into()),
            element: Some(element),
            component: inner.is_some().then_some(component),
            repetition: definition.is_some_and(|whole| whole.repeat != 1).then_some(repetition + 1),
            ..self.place()
        };
        let mut finding = Finding::new(kind, severity, place);
        let named = inner.or(definition);
        finding.data_element = named.map(|named| named.data_element.as_str().into());
        finding.name = named.map_or_else(
            || segment.map(|segment| segment.name.as_str().into()),
            |named| Some(named.name.as_str().into()),
        );
        finding.value = slot.map(|slot| absolute(instance.offset, instance.start, &self.tree.slots[slot as usize]));
        finding
    }

    fn check_segment(&self, program: &Arc<Program>, target: u32, index: u32, scanned: &Scanned, out: &mut Output) {
        let definition = &program.guide.segments[target as usize];
        let slots = self.tree.slots_of(&self.tree.segments[index as usize]);
        let (mut rest, mut present) = (slots, 0_u64);
        while let Some(first) = rest.first() {
            let number = first.element;
            let count = rest.iter().skip(1).take_while(|slot| slot.element == number).count() + 1;
            let (own, after) = rest.split_at(count);
            let Some(element) = definition.elements.get(usize::from(number) - 1) else {
                self.report_element(program, Kind::TooManyElements, Severity::Error, index, (number, 0, 0), out);
                break;
            };
            present |= element_bit(number);
            self.check_element(program, element, number, own, index, out);
            rest = after;
        }
        let mut missing = definition.required & !present;
        while missing != 0 {
            let at = (missing.trailing_zeros() as u16 + 1, 0, 0);
            self.report_element(program, Kind::RequiredElementMissing, Severity::Error, index, at, out);
            missing &= missing - 1;
        }
        for (at, note) in definition.syntax.iter().enumerate() {
            if note.broken(present) {
                self.report_syntax(program, target, at, present, index, out);
            }
        }
        if scanned.trailing_separator {
            self.report_segment(program, Kind::TrailingSeparators, Severity::Warning, index, "", out);
        }
        if scanned.suspicious {
            self.check_characters(program, &definition.elements, slots, index, out);
        }
    }

    fn check_characters(&self, program: &Program, elements: &[Element], slots: &[Slot], index: u32, out: &mut Output) {
        for slot in slots {
            let binary = elements
                .get(usize::from(slot.element) - 1)
                .is_some_and(|element| element.data_type == crate::tables::DataType::Binary);
            if !binary && check::has_foreign_character(self.tree.value(slot), self.options.characters) {
                let at = (slot.element, slot.component, slot.repetition);
                self.report_element(program, Kind::InvalidCharacter, Severity::Error, index, at, out);
            }
        }
    }

    fn check_element(
        &self,
        program: &Program,
        element: &Element,
        number: u16,
        own: &[Slot],
        index: u32,
        out: &mut Output,
    ) {
        if element.usage == Usage::NotUsed {
            self.report_element(
                program,
                Kind::ElementNotUsed,
                Severity::Error,
                index,
                (number, own[0].component, 0),
                out,
            );
            return;
        }
        let last = own.last().map_or(0, |slot| slot.repetition);
        if element.repeat != 0 && last >= element.repeat {
            let at = (number, own.last().map_or(1, |slot| slot.component), last);
            let finding = self
                .element_finding(program, Kind::TooManyRepetitions, Severity::Error, index, at)
                .detail(element.repeat.to_string());
            out.log.push(finding);
        }
        if element.components.is_empty() {
            for slot in own {
                if slot.component > 1 {
                    let at = (number, slot.component, slot.repetition);
                    self.report_element(program, Kind::TooManyComponents, Severity::Error, index, at, out);
                    break;
                }
                self.check_value(program, element, slot, index, element.format_by, out);
            }
        } else {
            let mut rest = own;
            while let Some(first) = rest.first() {
                let count = rest.iter().take_while(|slot| slot.repetition == first.repetition).count();
                let (group, after) = rest.split_at(count);
                self.check_composite(program, element, number, group, index, out);
                rest = after;
            }
        }
    }

    fn check_composite(
        &self,
        program: &Program,
        element: &Element,
        number: u16,
        own: &[Slot],
        index: u32,
        out: &mut Output,
    ) {
        let repetition = own[0].repetition;
        let mut rest = own;
        for (at, component) in element.components.iter().enumerate() {
            let place = at as u16 + 1;
            match rest.first() {
                Some(slot) if slot.component == place => {
                    rest = &rest[1..];
                    if component.usage == Usage::NotUsed {
                        let at = (number, place, repetition);
                        self.report_element(program, Kind::ElementNotUsed, Severity::Error, index, at, out);
                    } else {
                        self.check_value(program, component, slot, index, 0, out);
                        self.check_component_format(program, component, slot, own, index, out);
                    }
                }
                _ if component.usage == Usage::Required => {
                    let at = (number, place, repetition);
                    self.report_element(program, Kind::RequiredElementMissing, Severity::Error, index, at, out);
                }
                _ => {}
            }
        }
        if let Some(extra) = rest.first() {
            let at = (number, extra.component, repetition);
            self.report_element(program, Kind::TooManyComponents, Severity::Error, index, at, out);
        }
    }

    /// HI01-3 says how HI01-4 is to be read, within the same composite.
    fn check_component_format(
        &self,
        program: &Program,
        component: &Element,
        slot: &Slot,
        own: &[Slot],
        index: u32,
        out: &mut Output,
    ) {
        if component.format_by == 0 {
            return;
        }
        if let Some(qualifier) = own.iter().find(|other| other.component == component.format_by) {
            self.check_formatted(program, component, slot, index, Some(self.tree.value(qualifier)), out);
        }
    }

    fn check_value(
        &self,
        program: &Program,
        element: &Element,
        slot: &Slot,
        index: u32,
        format_by: u16,
        out: &mut Output,
    ) {
        let format = match format_by {
            0 => None,
            by => Some(self.tree.get(index, by, 0, 1)),
        };
        self.check_formatted(program, element, slot, index, format, out);
    }

    fn check_formatted(
        &self,
        program: &Program,
        element: &Element,
        slot: &Slot,
        index: u32,
        format: Option<&[u8]>,
        out: &mut Output,
    ) {
        check::value(element, self.tree.value(slot), format, &program.code_sets, &mut |(kind, limit)| {
            let severity = match kind {
                Kind::TrailingBlanks => Severity::Warning,
                _ => Severity::Error,
            };
            let at = (slot.element, slot.component, slot.repetition);
            let mut finding = self.element_finding(program, kind, severity, index, at);
            if let Some(limit) = limit {
                finding = finding.detail(limit.to_string());
            }
            out.log.push(finding);
        });
    }

    /// Points to the first element that should be there, or should not.
    fn report_syntax(&self, program: &Program, target: u32, at: usize, present: u64, index: u32, out: &mut Output) {
        let note = &program.guide.table.segments[target as usize].syntax[at];
        let is_present = |element: &&u16| present & element_bit(**element) != 0;
        let (kind, element) = match note.kind {
            'E' => (Kind::ExclusionViolated, note.elements.iter().filter(is_present).nth(1)),
            'L' => (Kind::ConditionalElementMissing, note.elements.get(1)),
            _ => (Kind::ConditionalElementMissing, note.elements.iter().find(|element| !is_present(element))),
        };
        let numbers: Vec<String> = note.elements.iter().map(u16::to_string).collect();
        let finding = self
            .element_finding(program, kind, Severity::Error, index, (element.copied().unwrap_or(0), 0, 0))
            .detail(format!("{} {}", note.kind, numbers.join(" ")));
        out.log.push(finding);
    }

    /// HL01 counts on from 1, HL02 names the enclosing level, HL04 says whether levels follow inside.
    fn check_level(&mut self, program: &Arc<Program>, index: u32, out: &mut Output) {
        let read = |element| {
            let value = self.tree.get(index, element, 0, 1);
            (value.len() < 18 && check::all_digits(value))
                .then(|| value.iter().fold(0_u64, |total, digit| total * 10 + u64::from(digit - b'0')))
        };
        let (number, parent, child) = (read(1), read(2), read(4));
        let above = self.open.iter().rev().skip(1).find(|open| program.guide.hierarchical[open.node as usize]);
        let expected_parent = above.map(|open| open.level);
        let expected = self.last_level + 1;
        if number.is_some_and(|number| number != expected) {
            self.report_element(program, Kind::HierarchicalNumberWrong, Severity::Error, index, (1, 1, 0), out);
        }
        if parent.is_some() && expected_parent.is_some() && parent != expected_parent {
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

#[derive(Clone, Copy)]
enum Document {
    Item(u32),
    Remainder(u32),
    Set,
}

/// The byte range of a slot in the stream.
fn absolute(offset: u64, start: u32, slot: &Slot) -> (u64, u64) {
    (offset + u64::from(slot.start - start), offset + u64::from(slot.end - start))
}
