//! Transaction sets: ST asks for a program, SE is held against what came.

use super::{CONTROL_NUMBERS_CAP, PLACEHOLDER, Phase, Set, SetChoice, Unit, UnitKind, X12Reader};
use crate::map::context::ValueCounts;
use crate::x12::envelope::stated_count;
use crate::x12::finding::{Finding, FindingLog, Place, Severity};
use crate::x12::judge::{Envelope, Ordinals, SetJudge, SetOptions};
use crate::x12::kind::Kind;
use crate::x12::scan::{ByteClasses, Delimiters, Scanned, SegmentText, elements, split};

impl X12Reader {
    pub(super) fn open_set(&mut self, bytes: &[u8], offset: u64, delimiters: Delimiters) {
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

    pub(super) fn begin_set(&mut self, choice: Option<SetChoice>) {
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

    pub(super) fn end_set(&mut self, trailer: Option<(&[u8], &Scanned, u64)>, delimiters: Delimiters) {
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

    pub(super) fn check_set_trailer(
        set: &Set,
        trailer: Option<&[Vec<u8>]>,
        ordinals: (u32, u32, u32),
        log: &mut FindingLog,
    ) {
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

    pub(super) fn end_open_set(&mut self) {
        if self.set.is_some() {
            let delimiters = self.interchange.as_ref().map_or(PLACEHOLDER, |found| found.header.delimiters);
            self.end_set(None, delimiters);
        }
    }
}
