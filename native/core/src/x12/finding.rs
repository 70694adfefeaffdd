//! One finding, as the core reports it: no text, no value, only codes, the place and byte ranges.

use std::sync::Arc;

use crate::tables::SeverityTable;
use crate::x12::kind::Kind;

pub type Severity = SeverityTable;

/// How many findings a set (or the envelope around it) may list; more are only counted.
pub const DEFAULT_FINDING_CAP: usize = 1000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub interchange: u32,
    pub group: Option<u32>,
    pub set: Option<u32>,
    pub item: Option<u32>,
    pub segment: Option<Box<str>>,
    pub position: Option<u32>,
    pub loop_id: Option<Box<str>>,
    pub element: Option<u16>,
    pub component: Option<u16>,
    /// From 1; only where the element repeats.
    pub repetition: Option<u16>,
}

/// The value that made a situational rule apply (CTX `SITUATIONAL TRIGGER` of the 999).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    pub segment: Box<str>,
    pub position: u32,
    pub element: u16,
    pub component: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    pub severity: Severity,
    pub place: Place,
    /// Limits and names from the definitions, never payload.
    pub detail: Box<str>,
    pub data_element: Option<Box<str>>,
    pub name: Option<Box<str>>,
    pub rule: Option<Arc<RuleMark>>,
    /// Absolute byte range of the value in the stream.
    pub value: Option<(u64, u64)>,
    pub trigger: Option<Trigger>,
}

/// What a finding of a rule takes from the rule instead of from its kind.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleMark {
    pub id: String,
    pub snip: u8,
    /// For example `IK403`; empty where no acknowledgement carries it.
    pub carrier: String,
    pub code: String,
    pub severity: Severity,
}

impl Finding {
    pub fn new(kind: Kind, severity: Severity, place: Place) -> Self {
        Self {
            kind,
            severity,
            place,
            detail: Box::default(),
            data_element: None,
            name: None,
            rule: None,
            value: None,
            trigger: None,
        }
    }

    #[must_use]
    pub fn detail(mut self, text: impl Into<Box<str>>) -> Self {
        self.detail = text.into();
        self
    }

    #[must_use]
    pub fn value(mut self, range: (u64, u64)) -> Self {
        self.value = Some(range);
        self
    }

    pub fn carrier(&self) -> &str {
        self.rule.as_ref().map_or(self.kind.carrier(), |rule| &rule.carrier)
    }

    pub fn code(&self) -> &str {
        self.rule.as_ref().map_or(self.kind.code(), |rule| &rule.code)
    }

    pub fn snip(&self) -> u8 {
        self.rule.as_ref().map_or(self.kind.snip(), |rule| rule.snip)
    }
}

/// Errors and warnings are counted exactly; only `cap` findings are kept.
#[derive(Debug, Default)]
pub struct FindingLog {
    pub findings: Vec<Finding>,
    pub cap: usize,
    pub errors: u32,
    pub warnings: u32,
    pub suppressed: u32,
    kept: usize,
}

impl FindingLog {
    pub fn new(cap: usize) -> Self {
        Self { cap, ..Self::default() }
    }

    pub fn push(&mut self, finding: Finding) {
        self.push_with(finding.severity, || finding);
    }

    /// The finding is made only where it is kept: a set of a million faults costs what a thousand cost.
    pub fn push_with(&mut self, severity: Severity, make: impl FnOnce() -> Finding) {
        if self.admit(severity) {
            self.findings.push(make());
        }
    }

    /// Counts a finding; true where it is still to be listed.
    pub fn admit(&mut self, severity: Severity) -> bool {
        match severity {
            Severity::Error => self.errors = self.errors.saturating_add(1),
            Severity::Warning => self.warnings = self.warnings.saturating_add(1),
            Severity::Info => {}
        }
        let listed = self.kept < self.cap;
        if listed {
            self.kept += 1;
        } else {
            self.suppressed = self.suppressed.saturating_add(1);
        }
        listed
    }

    /// Starts a new unit: counts from zero; what is kept stays until it is taken.
    pub fn restart(&mut self) {
        self.errors = 0;
        self.warnings = 0;
        self.suppressed = 0;
        self.kept = 0;
    }
}
