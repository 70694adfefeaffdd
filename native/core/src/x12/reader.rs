//! One stream of interchanges: finds segments, keeps the envelope, asks for the program of each set.
//!
//! Sans-I/O: bytes go in by `feed`, what was learned comes out as a [`Batch`]. Memory is bounded by one
//! segment, one item with its context, and the caps of findings and XML; never by the file.

use std::collections::HashSet;
use std::sync::Arc;

use crate::map::context::ValueCounts;
use crate::program::Program;
use crate::x12::envelope::{
    EnvelopeFault, HeaderRead, InterchangeHeader, check_group_header, read_header, same_number, stated_count,
};
use crate::x12::finding::{DEFAULT_FINDING_CAP, Finding, FindingLog, Place, Severity};
use crate::x12::guide::packed_id;
use crate::x12::judge::{Envelope, ItemDone, Ordinals, Output, SetJudge, SetOptions};
use crate::x12::kind::Kind;
use crate::x12::scan::{
    ByteClasses, CharacterSet, Delimiters, Extent, SEGMENT_CAP, Scanned, SegmentText, elements, extent, split,
};
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

    // ---------------------------------------------------------------- between interchanges

    /// Looks for ISA; true where more input is needed.
    fn seek(&mut self) -> bool {
        if self.offset() == 0 {
            let rest = &self.pending[self.at..];
            if rest.starts_with(BYTE_ORDER_MARK) {
                self.at += BYTE_ORDER_MARK.len();
            } else if BYTE_ORDER_MARK.starts_with(rest) && !self.ended {
                return true;
            }
        }
        while self.pending.get(self.at).is_some_and(|byte| FILLERS.contains(byte)) {
            self.at += 1;
        }
        let rest = &self.pending[self.at..];
        if rest.len() < 3 && b"ISA".starts_with(rest) {
            return true;
        }
        if rest.starts_with(b"ISA") {
            match read_header(rest) {
                HeaderRead::Whole(header) => {
                    self.report_leading();
                    self.begin_interchange(*header);
                    return false;
                }
                HeaderRead::Partial => return true,
                HeaderRead::Unreadable => {
                    self.report_junk(Kind::InterchangeHeaderUnreadable);
                    self.at += 3;
                    return false;
                }
            }
        }
        self.report_junk(Kind::NotAnInterchange);
        // Skip to the next place that may be an ISA, keeping what may be the beginning of one.
        let rest = &self.pending[self.at..];
        match memchr::memmem::find(&rest[1..], b"ISA") {
            Some(found) => {
                self.at += 1 + found;
                false
            }
            None => {
                self.at = self.pending.len() - 2.min(rest.len() - 1);
                true
            }
        }
    }

    fn report_leading(&mut self) {
        let before = self.offset();
        if self.interchanges == 0 && before > 0 && !self.junk_reported {
            let finding = Finding::new(Kind::LeadingBytes, Severity::Warning, Place::default());
            self.log_envelope(finding.detail(before.to_string()));
        }
    }

    fn report_junk(&mut self, kind: Kind) {
        if !self.junk_reported {
            self.junk_reported = true;
            let place = Place { interchange: self.interchanges, ..Place::default() };
            let finding = Finding::new(kind, Severity::Error, place);
            self.log_envelope(finding.detail(self.offset().to_string()));
        }
    }

    fn begin_interchange(&mut self, header: InterchangeHeader) {
        let start = self.offset();
        self.interchanges += 1;
        self.junk_reported = false;
        self.outside_reported = false;
        self.envelope_log.restart();
        self.classes = ByteClasses::new(header.delimiters, CharacterSet::default());
        let faults = header.faults.clone();
        self.at += header.length;
        self.interchange = Some(Interchange {
            header,
            start,
            groups: 0,
            tally: Tally::default(),
            acknowledgements: Vec::new(),
            group_numbers: HashSet::new(),
        });
        self.report_envelope("ISA", &faults, false);
        self.phase = Phase::Segments;
    }

    // ---------------------------------------------------------------- segments

    /// Handles one segment; true where more input is needed.
    fn next_segment(&mut self) -> bool {
        let Some(interchange) = &self.interchange else {
            self.phase = Phase::Seek;
            return false;
        };
        let delimiters = interchange.header.delimiters;
        while self
            .pending
            .get(self.at)
            .is_some_and(|byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\t') && *byte != delimiters.terminator)
        {
            self.at += 1;
        }
        let rest = &self.pending[self.at..];
        if rest.is_empty() || rest.len() < 4 && b"ISA".starts_with(&rest[..rest.len().min(3)]) && !self.ended {
            return true;
        }
        if rest.starts_with(b"ISA") && !rest.get(3).is_none_or(u8::is_ascii_alphanumeric) {
            self.end_interchange(None);
            return false;
        }
        match extent(rest, delimiters) {
            Extent::Partial => true,
            Extent::TooLong => {
                self.report_too_long();
                self.phase = Phase::Skip;
                false
            }
            Extent::Whole { length: 0, .. } => {
                self.report_empty();
                self.at += 1;
                false
            }
            Extent::Whole { length, binary } => {
                // The segment is lent out of `pending` for the call, so that nothing is copied.
                let pending = std::mem::take(&mut self.pending);
                let mut scanned = std::mem::take(&mut self.scanned);
                let (at, offset) = (self.at, self.offset());
                let bytes = &pending[at..at + length];
                split(&mut scanned, bytes, binary, &self.classes);
                self.at += length + 1;
                self.segment(bytes, &scanned, offset, delimiters);
                if binary.is_some_and(|binary| !binary.exact) {
                    self.report_in_set(Kind::BinaryLengthWrong, Severity::Error, bytes, &scanned, offset);
                }
                self.pending = pending;
                self.scanned = scanned;
                false
            }
        }
    }

    fn skip(&mut self) -> bool {
        let Some(interchange) = &self.interchange else {
            self.phase = Phase::Seek;
            return false;
        };
        let terminator = interchange.header.delimiters.terminator;
        match memchr::memchr(terminator, &self.pending[self.at..]) {
            Some(found) => {
                self.at += found + 1;
                self.phase = Phase::Segments;
                if let Some(set) = &mut self.set {
                    set.segments = set.segments.saturating_add(1);
                }
                false
            }
            None => {
                self.at = self.pending.len();
                true
            }
        }
    }

    fn segment(&mut self, bytes: &[u8], scanned: &Scanned, offset: u64, delimiters: Delimiters) {
        const ST: u32 = 0x5354;
        const SE: u32 = 0x5345;
        const GS: u32 = 0x4753;
        const GE: u32 = 0x4745;
        const IEA: u32 = 0x0049_4541;
        const TA1: u32 = 0x0054_4131;
        match packed_id(&bytes[..scanned.id_length]) {
            SE if self.set.is_some() => self.end_set(Some((bytes, scanned, offset)), delimiters),
            ST => self.open_set(bytes, offset, delimiters),
            GS => self.open_group(elements(bytes, delimiters), offset),
            GE => self.end_group(Some(elements(bytes, delimiters))),
            IEA => self.end_interchange(Some(elements(bytes, delimiters))),
            TA1 if self.group.is_none() => {
                let acknowledgement = elements(bytes, delimiters);
                if let Some(interchange) = &mut self.interchange
                    && interchange.acknowledgements.len() < self.options.finding_cap
                {
                    interchange.acknowledgements.push(acknowledgement);
                }
            }
            _ if self.set.is_some() => self.set_segment(bytes, scanned, offset, delimiters),
            _ => self.report_outside(bytes, scanned),
        }
    }

    fn set_segment(&mut self, bytes: &[u8], scanned: &Scanned, offset: u64, delimiters: Delimiters) {
        let (Some(interchange), Some(group), Some(set)) = (&self.interchange, &self.group, &mut self.set) else {
            return;
        };
        set.segments = set.segments.saturating_add(1);
        if set.segments == 2 && bytes.len() <= BEGINNING_CAP {
            set.beginning = elements(bytes, delimiters);
        }
        if let Some((program, judge)) = &mut set.judge {
            let envelope =
                Envelope { interchange: &interchange.header.elements, group: &group.header, set: &set.header };
            let segment = SegmentText { bytes, scanned, position: set.segments, offset };
            judge.segment(program, &segment, &envelope, &mut self.out);
        }
    }

    // ---------------------------------------------------------------- sets

    fn open_set(&mut self, bytes: &[u8], offset: u64, delimiters: Delimiters) {
        if self.set.is_some() {
            self.end_set(None, delimiters);
        }
        let Some(group) = &mut self.group else {
            self.report_outside_group();
            return;
        };
        group.sets += 1;
        self.out.log.restart();
        self.opening = (bytes.to_vec(), offset);
        self.set = Some(Set {
            header: elements(bytes, delimiters),
            beginning: Vec::new(),
            start: offset,
            segments: 1,
            judge: None,
        });
        self.phase = Phase::Choose;
    }

    fn begin_set(&mut self, choice: Option<SetChoice>) {
        let (Some(interchange), Some(group), Some(set)) = (&mut self.interchange, &mut self.group, &mut self.set)
        else {
            return;
        };
        let ordinals = Ordinals { interchange: self.interchanges, group: interchange.groups, set: group.sets };
        let place = Place {
            interchange: ordinals.interchange,
            group: Some(ordinals.group),
            set: Some(ordinals.set),
            segment: Some("ST".into()),
            position: Some(1),
            ..Place::default()
        };
        let mut report = |kind: Kind, element: u16| {
            let place = Place { element: Some(element), ..place.clone() };
            self.out.log.push(Finding::new(kind, Severity::Error, place));
        };
        let empty = Vec::new();
        let control = set.header.get(2).unwrap_or(&empty);
        let counted = control.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        if !(4..=9).contains(&counted) || counted != control.len() {
            report(Kind::SetControlInvalid, 2);
        } else if group.set_numbers.len() < CONTROL_NUMBERS_CAP && !group.set_numbers.insert(control.clone()) {
            report(Kind::SetControlDuplicate, 2);
        }
        let Some(choice) = choice else { return };
        let identifier = set.header.get(1).unwrap_or(&empty);
        if identifier.len() != 3 {
            report(Kind::SetIdentifierInvalid, 1);
        } else if *identifier != choice.program.guide.table.transaction_set.as_bytes() {
            report(Kind::SetNotInGroup, 1);
        }
        let implementation = set.header.get(3).unwrap_or(&empty);
        if !implementation.is_empty() && Some(implementation) != group.header.get(8) {
            report(Kind::ImplementationMismatch, 3);
        }
        self.classes = ByteClasses::new(interchange.header.delimiters, choice.characters);
        let options = SetOptions {
            source_attributes: choice.source_attributes,
            document_prefix: choice.document_prefix,
            characters: choice.characters,
            today: self.options.today.clone(),
            documents: choice.documents,
        };
        let mut judge =
            Box::new(SetJudge::new(&choice.program, options, ordinals, self.spare.take().unwrap_or_default()));
        let (bytes, offset) = std::mem::take(&mut self.opening);
        let mut scanned = std::mem::take(&mut self.scanned);
        split(&mut scanned, &bytes, None, &self.classes);
        let envelope = Envelope { interchange: &interchange.header.elements, group: &group.header, set: &set.header };
        let segment = SegmentText { bytes: &bytes, scanned: &scanned, position: 1, offset };
        judge.segment(&choice.program, &segment, &envelope, &mut self.out);
        self.scanned = scanned;
        set.judge = Some((choice.program, judge));
    }

    fn end_set(&mut self, trailer: Option<(&[u8], &Scanned, u64)>, delimiters: Delimiters) {
        if let Some((bytes, scanned, offset)) = trailer {
            self.set_segment(bytes, scanned, offset, delimiters);
        }
        let (Some(interchange), Some(group), Some(mut set)) = (&self.interchange, &self.group, self.set.take()) else {
            return;
        };
        let ordinals = (self.interchanges, interchange.groups, group.sets);
        let (mut guide, mut values, mut items) = (None, ValueCounts::default(), 0);
        let position = set.segments + u32::from(trailer.is_none());
        let elements = trailer.map(|(bytes, _, _)| elements(bytes, delimiters));
        Self::check_set_trailer(&set, elements.as_deref(), ordinals, &mut self.out.log);
        if let Some((program, mut judge)) = set.judge.take() {
            let envelope =
                Envelope { interchange: &interchange.header.elements, group: &group.header, set: &set.header };
            judge.finish(&program, position, &envelope, &mut self.out);
            guide = Some(program.guide.table.id.clone());
            values = judge.value_counts();
            items = judge.item_count();
            self.spare = Some(judge.into_tree());
        }
        let end = trailer.map_or_else(|| self.offset(), |(bytes, _, offset)| offset + bytes.len() as u64 + 1);
        self.units.push(Unit {
            kind: UnitKind::Set,
            interchange: ordinals.0,
            group: Some(ordinals.1),
            set: Some(ordinals.2),
            header: set.header,
            trailer: elements,
            beginning: set.beginning,
            count: set.segments,
            range: (set.start, end),
            errors: self.out.log.errors,
            warnings: self.out.log.warnings,
            suppressed: self.out.log.suppressed,
            items,
            acknowledgements: Vec::new(),
            guide,
            values,
        });
    }

    fn check_set_trailer(set: &Set, trailer: Option<&[Vec<u8>]>, ordinals: (u32, u32, u32), log: &mut FindingLog) {
        let mut report = |kind: Kind, element: Option<u16>, detail: String| {
            let place = Place {
                interchange: ordinals.0,
                group: Some(ordinals.1),
                set: Some(ordinals.2),
                segment: Some("SE".into()),
                position: Some(set.segments + u32::from(kind == Kind::SetTrailerMissing)),
                element,
                ..Place::default()
            };
            log.push(Finding::new(kind, Severity::Error, place).detail(detail));
        };
        let Some(trailer) = trailer else {
            report(Kind::SetTrailerMissing, None, String::new());
            return;
        };
        if stated_count(trailer.get(1)) != Some(set.segments.into()) {
            report(Kind::SegmentCountWrong, Some(1), set.segments.to_string());
        }
        if trailer.get(2) != set.header.get(2) {
            report(Kind::SetControlMismatch, Some(2), String::new());
        }
    }

    // ---------------------------------------------------------------- groups and interchanges

    fn open_group(&mut self, header: Vec<Vec<u8>>, start: u64) {
        if self.group.is_some() {
            self.end_group(None);
        }
        let Some(interchange) = &mut self.interchange else { return };
        interchange.groups += 1;
        let mut faults = check_group_header(&header);
        let key: Vec<u8> =
            [1, 2, 3, 6].iter().flat_map(|at| header.get(*at).into_iter().flatten().chain(b"\0")).copied().collect();
        if interchange.group_numbers.len() < CONTROL_NUMBERS_CAP && !interchange.group_numbers.insert(key) {
            faults.push((Kind::GroupControlDuplicate, 6));
        }
        self.outside_reported = false;
        self.group = Some(Group { header, start, sets: 0, tally: Tally::default(), set_numbers: HashSet::new() });
        self.report_envelope("GS", &faults, true);
    }

    fn end_group(&mut self, trailer: Option<Vec<Vec<u8>>>) {
        self.end_open_set();
        let Some(group) = &self.group else {
            self.report_outside_group();
            return;
        };
        let mut faults = Vec::new();
        match &trailer {
            None => faults.push((Kind::GroupTrailerMissing, 0)),
            Some(trailer) => {
                let empty = Vec::new();
                if stated_count(trailer.get(1)) != Some(group.sets.into()) {
                    faults.push((Kind::SetCountWrong, 1));
                }
                let (sent, closing) = (group.header.get(6).unwrap_or(&empty), trailer.get(2).unwrap_or(&empty));
                if !same_number(sent, closing) {
                    faults.push((Kind::GroupControlMismatch, 2));
                }
            }
        }
        self.report_envelope("GE", &faults, true);
        let end = self.offset();
        let (Some(group), Some(interchange)) = (self.group.take(), &self.interchange) else { return };
        self.units.push(Unit {
            kind: UnitKind::Group,
            interchange: self.interchanges,
            group: Some(interchange.groups),
            set: None,
            header: group.header,
            trailer,
            beginning: Vec::new(),
            count: group.sets,
            range: (group.start, end),
            errors: group.tally.errors,
            warnings: group.tally.warnings,
            suppressed: 0,
            items: 0,
            acknowledgements: Vec::new(),
            guide: None,
            values: ValueCounts::default(),
        });
    }

    fn end_open_set(&mut self) {
        if self.set.is_some() {
            let delimiters = self.interchange.as_ref().map_or(PLACEHOLDER, |found| found.header.delimiters);
            self.end_set(None, delimiters);
        }
    }

    fn end_interchange(&mut self, trailer: Option<Vec<Vec<u8>>>) {
        self.end_open_set();
        if self.group.is_some() {
            self.end_group(None);
        }
        let Some(interchange) = &self.interchange else { return };
        let mut faults = Vec::new();
        match &trailer {
            None => faults.push((Kind::InterchangeTruncated, 0)),
            Some(trailer) => {
                if stated_count(trailer.get(1)) != Some(interchange.groups.into()) {
                    faults.push((Kind::GroupCountWrong, 1));
                }
                if trailer.get(2) != interchange.header.elements.get(13) {
                    faults.push((Kind::InterchangeControlMismatch, 2));
                }
            }
        }
        self.report_envelope("IEA", &faults, false);
        let end = self.offset();
        let Some(interchange) = self.interchange.take() else { return };
        self.units.push(Unit {
            kind: UnitKind::Interchange,
            interchange: self.interchanges,
            group: None,
            set: None,
            header: interchange.header.elements,
            trailer,
            beginning: Vec::new(),
            count: interchange.groups,
            range: (interchange.start, end),
            errors: interchange.tally.errors,
            warnings: interchange.tally.warnings,
            suppressed: 0,
            items: 0,
            acknowledgements: interchange.acknowledgements,
            guide: None,
            values: ValueCounts::default(),
        });
        self.phase = Phase::Seek;
    }

    /// The stream has ended and no whole segment is left.
    fn end_of_stream(&mut self) {
        let rest = self.pending.split_off(self.at.min(self.pending.len()));
        self.base += self.at as u64;
        self.at = 0;
        self.pending.clear();
        let last = rest.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
        if self.phase == Phase::Segments && rest.starts_with(b"IEA") {
            // Many senders leave out the last terminator; nothing is lost by reading it.
            let delimiters = self.interchange.as_ref().map_or(PLACEHOLDER, |found| found.header.delimiters);
            self.base += rest.len() as u64;
            self.end_interchange(Some(elements(&rest[..last], delimiters)));
            self.junk_reported = true;
        } else if self.phase == Phase::Seek && last > 0 {
            let kind =
                if rest.starts_with(b"ISA") { Kind::InterchangeHeaderUnreadable } else { Kind::NotAnInterchange };
            self.report_junk(kind);
        }
        if self.interchange.is_some() {
            self.base += rest.len() as u64;
            self.end_interchange(None);
        }
        if self.interchanges == 0 && !self.junk_reported {
            self.report_junk(Kind::NotAnInterchange);
        }
        self.phase = Phase::End;
    }

    // ---------------------------------------------------------------- findings of the envelope

    fn report_envelope(&mut self, segment: &str, faults: &[EnvelopeFault], of_group: bool) {
        for (kind, element) in faults {
            let severity = match kind {
                Kind::RepetitionSeparatorAbsent => Severity::Warning,
                _ => Severity::Error,
            };
            let group = of_group.then(|| self.interchange.as_ref().map_or(0, |interchange| interchange.groups));
            let place = Place {
                interchange: self.interchanges,
                group,
                segment: Some(segment.into()),
                element: (*element != 0).then_some(*element),
                ..Place::default()
            };
            let tally = match (&mut self.group, &mut self.interchange) {
                (Some(group), _) if of_group => &mut group.tally,
                (_, Some(interchange)) => &mut interchange.tally,
                _ => return,
            };
            match severity {
                Severity::Error => tally.errors += 1,
                _ => tally.warnings += 1,
            }
            self.log_envelope(Finding::new(*kind, severity, place));
        }
    }

    /// Envelope findings have a cap of their own, and stand among the others in the order of the stream.
    fn log_envelope(&mut self, finding: Finding) {
        if self.envelope_log.admit(finding.severity) {
            self.out.log.findings.push(finding);
        }
    }

    fn report_outside_group(&mut self) {
        if !self.outside_reported {
            self.outside_reported = true;
            self.report_envelope("GS", &[(Kind::SegmentOutsideGroup, 0)], false);
        }
    }

    /// Segments between sets, or between groups: one finding for each run of them.
    fn report_outside(&mut self, bytes: &[u8], scanned: &Scanned) {
        if self.outside_reported {
            return;
        }
        self.outside_reported = true;
        let id = String::from_utf8_lossy(&bytes[..scanned.id_length.min(3)]).into_owned();
        let kind = if self.group.is_some() { Kind::SegmentOutsideSet } else { Kind::SegmentOutsideGroup };
        self.report_envelope(&id, &[(kind, 0)], false);
    }

    fn report_empty(&mut self) {
        let place = self.place_in_set(None);
        let finding = Finding::new(Kind::EmptySegment, Severity::Warning, place);
        if self.set.is_some() {
            self.out.log.push(finding);
        } else {
            self.log_envelope(finding);
        }
    }

    fn report_too_long(&mut self) {
        let id = String::from_utf8_lossy(&self.pending[self.at..self.at + 3])
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>();
        if self.set.is_some() {
            let mut place = self.place_in_set(Some(id.into()));
            place.position = place.position.map(|position| position + 1);
            let finding = Finding::new(Kind::SegmentTooLong, Severity::Error, place);
            self.out.log.push(finding.detail(SEGMENT_CAP.to_string()));
        } else {
            self.report_envelope(&id, &[(Kind::SegmentOutsideSet, 0)], false);
        }
    }

    fn report_in_set(&mut self, kind: Kind, severity: Severity, bytes: &[u8], scanned: &Scanned, offset: u64) {
        let id = String::from_utf8_lossy(&bytes[..scanned.id_length.min(3)]).into_owned();
        let place = self.place_in_set(Some(id.into()));
        let range = (offset, offset + bytes.len() as u64);
        self.out.log.push(Finding::new(kind, severity, place).value(range));
    }

    fn place_in_set(&self, segment: Option<Box<str>>) -> Place {
        Place {
            interchange: self.interchanges,
            group: self.interchange.as_ref().map(|interchange| interchange.groups).filter(|_| self.group.is_some()),
            set: self.group.as_ref().filter(|_| self.set.is_some()).map(|group| group.sets),
            segment,
            position: self.set.as_ref().map(|set| set.segments),
            ..Place::default()
        }
    }
}
