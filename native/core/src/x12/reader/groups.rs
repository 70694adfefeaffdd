//! Functional groups and interchanges: their trailers, counts and numbers, and the findings of the envelope.

use std::collections::HashSet;

use super::{CONTROL_NUMBERS_CAP, Group, Phase, Tally, Unit, UnitKind, X12Reader};
use crate::map::context::ValueCounts;
use crate::x12::envelope::{EnvelopeFault, check_group_header, same_number, stated_count};
use crate::x12::finding::{Finding, Place, Severity};
use crate::x12::kind::Kind;
use crate::x12::scan::Scanned;

impl X12Reader {
    pub(super) fn open_group(&mut self, header: Vec<Vec<u8>>, start: u64) {
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

    pub(super) fn end_group(&mut self, trailer: Option<Vec<Vec<u8>>>) {
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

    pub(super) fn end_interchange(&mut self, trailer: Option<Vec<Vec<u8>>>) {
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

    pub(super) fn report_envelope(&mut self, segment: &str, faults: &[EnvelopeFault], of_group: bool) {
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
    pub(super) fn log_envelope(&mut self, finding: Finding) {
        if self.envelope_log.admit(finding.severity) {
            self.out.log.findings.push(finding);
        }
    }

    pub(super) fn report_outside_group(&mut self) {
        if !self.outside_reported {
            self.outside_reported = true;
            self.report_envelope("GS", &[(Kind::SegmentOutsideGroup, 0)], false);
        }
    }

    /// Segments between sets, or between groups: one finding for each run of them.
    pub(super) fn report_outside(&mut self, bytes: &[u8], scanned: &Scanned) {
        if self.outside_reported {
            return;
        }
        self.outside_reported = true;
        let id = String::from_utf8_lossy(&bytes[..scanned.id_length.min(3)]).into_owned();
        let kind = if self.group.is_some() { Kind::SegmentOutsideSet } else { Kind::SegmentOutsideGroup };
        self.report_envelope(&id, &[(kind, 0)], false);
    }
}
