//! Between interchanges: where the next one begins, and what the end of the stream leaves open.

use std::collections::HashSet;

use super::{BYTE_ORDER_MARK, FILLERS, Interchange, PLACEHOLDER, Phase, Tally, X12Reader};
use crate::x12::envelope::{HeaderRead, InterchangeHeader, read_header};
use crate::x12::finding::{Finding, Place, Severity};
use crate::x12::kind::Kind;
use crate::x12::scan::{ByteClasses, CharacterSet, elements};

impl X12Reader {
    /// Looks for ISA; true where more input is needed.
    pub(super) fn seek(&mut self) -> bool {
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

    pub(super) fn report_leading(&mut self) {
        let before = self.offset();
        if self.interchanges == 0 && before > 0 && !self.junk_reported {
            let finding = Finding::new(Kind::LeadingBytes, Severity::Warning, Place::default());
            self.log_envelope(finding.detail(before.to_string()));
        }
    }

    pub(super) fn report_junk(&mut self, kind: Kind) {
        if !self.junk_reported {
            self.junk_reported = true;
            let place = Place { interchange: self.interchanges, ..Place::default() };
            let finding = Finding::new(kind, Severity::Error, place);
            self.log_envelope(finding.detail(self.offset().to_string()));
        }
    }

    pub(super) fn begin_interchange(&mut self, header: InterchangeHeader) {
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

    /// The stream has ended and no whole segment is left.
    pub(super) fn end_of_stream(&mut self) {
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
}
