//! One stream of interchanges: finds segments, keeps the envelope, asks for the program of each set.
//!
//! Sans-I/O: bytes go in by `feed`, what was learned comes out as a [`Batch`]. Memory is bounded by one
//! segment, one item with its context, and the caps of findings and XML; never by the file.

mod groups;
mod segments;
mod sets;
mod stream;

use std::collections::HashSet;
use std::sync::Arc;

use crate::map::context::ValueCounts;
use crate::program::Program;
use crate::x12::envelope::InterchangeHeader;
use crate::x12::finding::{DEFAULT_FINDING_CAP, Finding, FindingLog};
use crate::x12::judge::{ItemDone, Output, SetJudge};
use crate::x12::scan::{ByteClasses, CharacterSet, Delimiters, Scanned};
use crate::x12::tree::Tree;

/// XML beyond this makes the reader stop and hand over what it has.
pub const DEFAULT_XML_CAP: usize = 1 << 20;
/// Fed bytes already used are dropped once they are this many.
const COMPACT_AT: usize = 1 << 16;
/// Items without XML are few bytes each; so many make a batch.
const ITEMS_PER_BATCH: usize = 4096;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// What may stand around interchanges without saying anything: blanks, line ends, the end mark of CP/M, NUL.
const FILLERS: &[u8] = b" \t\r\n\x1A\0";
/// Control numbers remembered to find duplicates: beyond that many sets in a group none is looked for.
const CONTROL_NUMBERS_CAP: usize = 1 << 20;
/// The segment after ST (BHT, BGN) is handed to the caller when it is not longer than any real one.
const BEGINNING_CAP: usize = 512;

#[derive(Debug, Clone)]
pub struct ReaderOptions {
    /// CCYYMMDD, for rules about the future; empty = such rules say nothing.
    pub today: Vec<u8>,
    pub finding_cap: usize,
    pub xml_cap: usize,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { today: Vec::new(), finding_cap: DEFAULT_FINDING_CAP, xml_cap: DEFAULT_XML_CAP }
    }
}

/// What the caller decides for one set.
#[derive(Clone)]
pub struct SetChoice {
    pub program: Arc<Program>,
    /// Escaped XML attributes for `<source>`.
    pub source_attributes: String,
    pub document_prefix: String,
    pub characters: CharacterSet,
    pub documents: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Input,
    Program,
    Output,
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetHeader {
    pub ordinals: (u32, u32, u32),
    pub interchange: Vec<Vec<u8>>,
    pub group: Vec<Vec<u8>>,
    pub set: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitKind {
    Interchange,
    Group,
    Set,
}

/// A set, group or interchange that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    pub kind: UnitKind,
    pub interchange: u32,
    pub group: Option<u32>,
    pub set: Option<u32>,
    pub header: Vec<Vec<u8>>,
    pub trailer: Option<Vec<Vec<u8>>>,
    /// Of a set, the segment after ST.
    pub beginning: Vec<Vec<u8>>,
    /// Segments of a set, sets of a group, groups of an interchange.
    pub count: u32,
    pub range: (u64, u64),
    pub errors: u32,
    pub warnings: u32,
    pub suppressed: u32,
    pub items: u32,
    pub acknowledgements: Vec<Vec<Vec<u8>>>,
    pub guide: Option<String>,
    pub values: ValueCounts,
}

#[derive(Debug)]
pub struct Batch {
    pub need: Need,
    pub header: Option<SetHeader>,
    pub xml: Vec<u8>,
    pub items: Vec<ItemDone>,
    pub units: Vec<Unit>,
    pub findings: Vec<Finding>,
}

#[derive(Default)]
struct Tally {
    errors: u32,
    warnings: u32,
}

struct Interchange {
    header: InterchangeHeader,
    start: u64,
    groups: u32,
    tally: Tally,
    acknowledgements: Vec<Vec<Vec<u8>>>,
    group_numbers: HashSet<Vec<u8>>,
}

struct Group {
    header: Vec<Vec<u8>>,
    start: u64,
    sets: u32,
    tally: Tally,
    set_numbers: HashSet<Vec<u8>>,
}

struct Set {
    header: Vec<Vec<u8>>,
    beginning: Vec<Vec<u8>>,
    start: u64,
    segments: u32,
    judge: Option<(Arc<Program>, Box<SetJudge>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between interchanges.
    Seek,
    Segments,
    /// ST has been read; the caller chooses.
    Choose,
    /// Inside a segment that is too long.
    Skip,
    End,
}

pub struct X12Reader {
    options: ReaderOptions,
    pending: Vec<u8>,
    at: usize,
    /// Offset in the stream of `pending[0]`.
    base: u64,
    phase: Phase,
    ended: bool,
    junk_reported: bool,
    outside_reported: bool,
    interchanges: u32,
    interchange: Option<Interchange>,
    group: Option<Group>,
    set: Option<Set>,
    classes: ByteClasses,
    scanned: Scanned,
    /// The ST segment that waits for its program, and its offset.
    opening: (Vec<u8>, u64),
    out: Output,
    envelope_log: FindingLog,
    units: Vec<Unit>,
    spare: Option<Tree>,
}

const PLACEHOLDER: Delimiters = Delimiters { element: b'*', component: b':', repetition: None, terminator: b'~' };

impl X12Reader {
    pub fn new(options: ReaderOptions) -> Self {
        let cap = options.finding_cap;
        Self {
            options,
            pending: Vec::new(),
            at: 0,
            base: 0,
            phase: Phase::Seek,
            ended: false,
            junk_reported: false,
            outside_reported: false,
            interchanges: 0,
            interchange: None,
            group: None,
            set: None,
            classes: ByteClasses::new(PLACEHOLDER, CharacterSet::default()),
            scanned: Scanned::default(),
            opening: (Vec::new(), 0),
            out: Output { log: FindingLog::new(cap), ..Output::default() },
            envelope_log: FindingLog::new(cap),
            units: Vec::new(),
            spare: Some(Tree::default()),
        }
    }

    pub fn feed(&mut self, chunk: &[u8]) -> Batch {
        if self.at >= COMPACT_AT || self.at == self.pending.len() {
            self.pending.drain(..self.at);
            self.base += self.at as u64;
            self.at = 0;
        }
        self.pending.extend_from_slice(chunk);
        self.run()
    }

    /// The answer to [`Need::Program`]; `None` counts the set and judges nothing inside. Also goes on after
    /// [`Need::Output`].
    pub fn resume(&mut self, choice: Option<SetChoice>) -> Batch {
        if self.phase == Phase::Choose {
            self.phase = Phase::Segments;
            self.begin_set(choice);
        }
        self.run()
    }

    /// Gives the XML buffer of a batch back, so that the next batch need not grow one anew.
    pub fn recycle(&mut self, mut xml: Vec<u8>) {
        if self.out.xml.capacity() == 0 {
            xml.clear();
            self.out.xml = xml;
        }
    }

    /// The stream has ended: what is open is closed with the findings that this makes.
    pub fn finish(&mut self) -> Batch {
        self.ended = true;
        self.run()
    }

    fn run(&mut self) -> Batch {
        let need = loop {
            if self.out.xml.len() >= self.options.xml_cap || self.out.items.len() >= ITEMS_PER_BATCH {
                break Need::Output;
            }
            let blocked = match self.phase {
                Phase::Seek => self.seek(),
                Phase::Segments => self.next_segment(),
                Phase::Skip => self.skip(),
                Phase::Choose => break Need::Program,
                Phase::End => break Need::End,
            };
            if blocked {
                if !self.ended {
                    break Need::Input;
                }
                self.end_of_stream();
            }
        };
        self.batch(need)
    }

    fn batch(&mut self, need: Need) -> Batch {
        let header = match (&self.interchange, &self.group, &self.set, need) {
            (Some(interchange), Some(group), Some(set), Need::Program) => Some(SetHeader {
                ordinals: (self.interchanges, interchange.groups, group.sets),
                interchange: interchange.header.elements.clone(),
                group: group.header.clone(),
                set: set.header.clone(),
            }),
            _ => None,
        };
        Batch {
            need,
            header,
            xml: std::mem::take(&mut self.out.xml),
            items: std::mem::take(&mut self.out.items),
            units: std::mem::take(&mut self.units),
            findings: std::mem::take(&mut self.out.log.findings),
        }
    }

    fn offset(&self) -> u64 {
        self.base + self.at as u64
    }
}
