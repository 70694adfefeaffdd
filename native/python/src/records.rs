//! Records of a batch as Python sees them: read-only, text decoded as Latin-1, nothing that holds a value.

use gateway_core::x12::finding::{Finding, Severity};
use gateway_core::x12::judge::ItemDone;
use gateway_core::x12::reader::{SetHeader, Unit as CoreUnit, UnitKind};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Envelope values are bytes of an unnamed code page: Latin-1 keeps every one of them.
pub fn decode(elements: &[Vec<u8>]) -> Vec<String> {
    elements.iter().map(|element| element.iter().map(|byte| char::from(*byte)).collect()).collect()
}

pub const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

#[pyclass(frozen, get_all, module = "gateway._native")]
pub struct Header {
    interchange_ordinal: u32,
    group_ordinal: u32,
    set_ordinal: u32,
    interchange: Vec<String>,
    group: Vec<String>,
    set: Vec<String>,
}

impl From<&SetHeader> for Header {
    fn from(header: &SetHeader) -> Self {
        let (interchange_ordinal, group_ordinal, set_ordinal) = header.ordinals;
        Self {
            interchange_ordinal,
            group_ordinal,
            set_ordinal,
            interchange: decode(&header.interchange),
            group: decode(&header.group),
            set: decode(&header.set),
        }
    }
}

#[pyclass(frozen, get_all, module = "gateway._native")]
pub struct RawFinding {
    carrier: String,
    code: String,
    severity: &'static str,
    snip: u8,
    kind: &'static str,
    detail: String,
    interchange: u32,
    group: Option<u32>,
    set: Option<u32>,
    item: Option<u32>,
    segment: Option<String>,
    position: Option<u32>,
    #[pyo3(name = "loop")]
    loop_id: Option<String>,
    element: Option<u16>,
    component: Option<u16>,
    repetition: Option<u16>,
    data_element: Option<String>,
    name: Option<String>,
    rule: Option<String>,
    value: Option<(u64, u64)>,
    trigger: Option<(String, u32, u16, u16)>,
}

impl From<Finding> for RawFinding {
    fn from(finding: Finding) -> Self {
        Self {
            carrier: finding.carrier().to_owned(),
            code: finding.code().to_owned(),
            severity: severity(finding.severity),
            snip: finding.snip(),
            kind: finding.kind.name(),
            detail: finding.detail.into(),
            interchange: finding.place.interchange,
            group: finding.place.group,
            set: finding.place.set,
            item: finding.place.item,
            segment: finding.place.segment.map(Into::into),
            position: finding.place.position,
            loop_id: finding.place.loop_id.map(Into::into),
            element: finding.place.element,
            component: finding.place.component,
            repetition: finding.place.repetition,
            data_element: finding.data_element.map(Into::into),
            name: finding.name.map(Into::into),
            rule: finding.rule.map(|rule| rule.id.clone()),
            value: finding.value,
            trigger: finding
                .trigger
                .map(|trigger| (trigger.segment.into(), trigger.position, trigger.element, trigger.component)),
        }
    }
}

/// Items of one set, as columns: a roster has a million members, and each Python object costs.
#[pyclass(frozen, get_all, module = "gateway._native")]
pub struct ItemRun {
    interchange: u32,
    group: u32,
    set: u32,
    count: usize,
    faulty: usize,
    worst: Py<PyBytes>,
    starts: Py<PyBytes>,
    lengths: Py<PyBytes>,
}

/// Stands for "none" in the columns.
const ABSENT: u32 = u32::MAX;

impl ItemRun {
    /// One run for each set among `items`; `xml_start` is where the batch's XML begins in that of the stream.
    pub fn all(py: Python<'_>, items: &[ItemDone], xml_start: u64) -> PyResult<Vec<Py<Self>>> {
        items
            .chunk_by(|one, next| (one.interchange, one.group, one.set) == (next.interchange, next.group, next.set))
            .map(|run| Py::new(py, Self::new(py, run, xml_start)))
            .collect()
    }

    fn new(py: Python<'_>, run: &[ItemDone], xml_start: u64) -> Self {
        let (mut worst, mut starts, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        let mut faulty = 0;
        for item in run {
            worst.push(match item.worst {
                None => 0_u8,
                Some(Severity::Info) => 1,
                Some(Severity::Warning) => 2,
                Some(Severity::Error) => 3,
            });
            faulty += usize::from(item.worst == Some(Severity::Error));
            let (start, end) = item.source;
            let (offset, context) =
                item.context.map_or((ABSENT, 0), |(from, to)| ((from - start) as u32, (to - from) as u32));
            let (document, size) =
                item.xml.map_or((0, ABSENT), |(from, to)| (xml_start + from as u64, (to - from) as u32));
            starts.extend_from_slice(&start.to_ne_bytes());
            starts.extend_from_slice(&document.to_ne_bytes());
            for length in [(end - start) as u32, offset, context, size] {
                lengths.extend_from_slice(&length.to_ne_bytes());
            }
        }
        let set = &run[0];
        Self {
            interchange: set.interchange,
            group: set.group,
            set: set.set,
            count: run.len(),
            faulty,
            worst: PyBytes::new(py, &worst).unbind(),
            starts: PyBytes::new(py, &starts).unbind(),
            lengths: PyBytes::new(py, &lengths).unbind(),
        }
    }
}

#[pyclass(frozen, get_all, module = "gateway._native")]
pub struct Unit {
    kind: &'static str,
    interchange: u32,
    group: Option<u32>,
    set: Option<u32>,
    header: Vec<String>,
    trailer: Option<Vec<String>>,
    beginning: Vec<String>,
    count: u32,
    range: (u64, u64),
    errors: u32,
    warnings: u32,
    suppressed: u32,
    items: u32,
    acknowledgements: Vec<Vec<String>>,
    guide: Option<String>,
    named_values: u64,
    dictated_values: u64,
    other_values: u64,
}

impl From<CoreUnit> for Unit {
    fn from(unit: CoreUnit) -> Self {
        Self {
            kind: match unit.kind {
                UnitKind::Interchange => "interchange",
                UnitKind::Group => "group",
                UnitKind::Set => "set",
            },
            interchange: unit.interchange,
            group: unit.group,
            set: unit.set,
            header: decode(&unit.header),
            trailer: unit.trailer.as_deref().map(decode),
            beginning: decode(&unit.beginning),
            count: unit.count,
            range: unit.range,
            errors: unit.errors,
            warnings: unit.warnings,
            suppressed: unit.suppressed,
            items: unit.items,
            acknowledgements: unit.acknowledgements.iter().map(|segment| decode(segment)).collect(),
            guide: unit.guide,
            named_values: unit.values.named,
            dictated_values: unit.values.dictated,
            other_values: unit.values.other,
        }
    }
}
