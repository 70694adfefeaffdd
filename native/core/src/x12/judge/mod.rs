//! One transaction set against its guide: the walk from ST to SE, loops opened and closed, items made.
//!
//! The tree holds the enclosing context and one item at a time. A segment that finds no place is reported
//! and kept beside the loop that was open; the walk goes on from where it was.

mod elements;
mod items;
mod report;
mod walk;

use crate::map::context::ValueCounts;
use crate::map::read::Renderer;
use crate::program::Program;
use crate::tables::GuideTable;
use crate::x12::finding::{FindingLog, Severity};
use crate::x12::guide::packed_id;
use crate::x12::rules::Broken;
use crate::x12::scan::{CharacterSet, SegmentText};
use crate::x12::tree::{Mark, Slot, Tree};

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
    pub fn new(program: &Program, options: SetOptions, ordinals: Ordinals, tree: Tree) -> Self {
        let guide = &program.guide;
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

    /// Items begun so far, remainders included.
    pub fn item_count(&self) -> u32 {
        self.item_count
    }

    pub fn value_counts(&self) -> ValueCounts {
        self.renderer.counts()
    }

    /// Judges one segment, ST first.
    pub fn segment(&mut self, program: &Program, segment: &SegmentText, envelope: &Envelope, out: &mut Output) {
        if segment.position == 1 {
            self.begin(program, segment, out);
            return;
        }
        let id = packed_id(segment.id());
        let guide = &program.guide;
        let ways = guide.ways.from(guide.segments[self.current as usize].place, id);
        match self.choose(program, ways, segment) {
            Some(way) => self.follow(program, way, segment, envelope, out),
            None => self.unplaced(program, id, segment, out),
        }
        self.end = segment.end();
    }

    /// SE has come, or will not come: closes what is open.
    pub fn finish(&mut self, program: &Program, position: u32, envelope: &Envelope, out: &mut Output) {
        while !self.open.is_empty() {
            if self.open.len() == 1 && self.document_count == 0 && self.item_count == 0 {
                self.require_before(program, u32::MAX, position, out);
                if out.log.errors == 0 && self.options.documents && program.mapping.is_some() {
                    let start = out.xml.len();
                    self.write(program, Document::Set, 0, envelope, out);
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
            self.close_loop(program, position, envelope, out);
        }
    }
}

#[derive(Clone, Copy)]
enum Document {
    Item(u32),
    Remainder(u32),
    Set,
}

/// IK303: the set itself and wrappers are no loops of the guide.
fn loop_id(guide: &GuideTable, of: u32) -> Option<Box<str>> {
    let found = &guide.loops[of as usize];
    (found.parent.is_some() && !found.wrapper).then(|| found.id.as_str().into())
}

/// The byte range of a slot in the stream.
fn absolute(offset: u64, start: u32, slot: &Slot) -> (u64, u64) {
    (offset + u64::from(slot.start - start), offset + u64::from(slot.end - start))
}
