//! Inside an interchange: one segment after the other, each to whom it concerns.

use super::{BEGINNING_CAP, Phase, X12Reader};
use crate::x12::finding::{Finding, Place, Severity};
use crate::x12::guide::packed_id;
use crate::x12::judge::Envelope;
use crate::x12::kind::Kind;
use crate::x12::scan::{Delimiters, Extent, SEGMENT_CAP, Scanned, SegmentText, elements, extent, split};

impl X12Reader {
    /// Handles one segment; true where more input is needed.
    pub(super) fn next_segment(&mut self) -> bool {
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

    pub(super) fn skip(&mut self) -> bool {
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

    pub(super) fn segment(&mut self, bytes: &[u8], scanned: &Scanned, offset: u64, delimiters: Delimiters) {
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

    pub(super) fn set_segment(&mut self, bytes: &[u8], scanned: &Scanned, offset: u64, delimiters: Delimiters) {
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

    pub(super) fn report_empty(&mut self) {
        let place = self.place_in_set(None);
        let finding = Finding::new(Kind::EmptySegment, Severity::Warning, place);
        if self.set.is_some() {
            self.out.log.push(finding);
        } else {
            self.log_envelope(finding);
        }
    }

    pub(super) fn report_too_long(&mut self) {
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

    pub(super) fn report_in_set(
        &mut self,
        kind: Kind,
        severity: Severity,
        bytes: &[u8],
        scanned: &Scanned,
        offset: u64,
    ) {
        let id = String::from_utf8_lossy(&bytes[..scanned.id_length.min(3)]).into_owned();
        let place = self.place_in_set(Some(id.into()));
        let range = (offset, offset + bytes.len() as u64);
        self.out.log.push(Finding::new(kind, severity, place).value(range));
    }

    pub(super) fn place_in_set(&self, segment: Option<Box<str>>) -> Place {
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
