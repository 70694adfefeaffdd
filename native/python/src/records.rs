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
    source_start: u64,
    document_start: u64,
    worst: Py<PyBytes>,
    sizes: Py<PyBytes>,
    contexts: Py<PyBytes>,
    gaps: Py<PyBytes>,
}

/// Stands for "no document" in `sizes`.
const NO_DOCUMENT: u32 = u32::MAX;
/// Stands for "no context" in `contexts`.
const NO_CONTEXT: u16 = u16::MAX;

impl ItemRun {
    /// One run for each set among `items`; `xml_start` is where the batch's XML begins in that of the stream.
    pub fn all(py: Python<'_>, items: &[ItemDone], xml_start: u64) -> PyResult<Vec<Py<Self>>> {
        items
            .chunk_by(|one, next| (one.interchange, one.group, one.set) == (next.interchange, next.group, next.set))
            .map(|run| Py::new(py, Self::new(py, run, xml_start)))
            .collect()
    }

    fn new(py: Python<'_>, run: &[ItemDone], xml_start: u64) -> Self {
        let (mut worst, mut sizes, mut contexts, mut gaps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let first = &run[0];
        let mut before = first.source.0;
        for (index, item) in run.iter().enumerate() {
            let (start, end) = item.source;
            worst.push(match item.worst {
                None => 0_u8,
                Some(Severity::Info) => 1,
                Some(Severity::Warning) => 2,
                Some(Severity::Error) => 3,
            });
            let document = item.xml.map_or(NO_DOCUMENT, |(from, to)| (to - from) as u32);
            sizes.extend_from_slice(&((end - start) as u32).to_ne_bytes());
            sizes.extend_from_slice(&document.to_ne_bytes());
            for value in context_of(item) {
                contexts.extend_from_slice(&value.to_ne_bytes());
            }
            if start > before {
                gaps.extend_from_slice(&(index as u32).to_ne_bytes());
                gaps.extend_from_slice(&((start - before) as u32).to_ne_bytes());
            }
            before = end;
        }
        let document_start = run.iter().find_map(|item| item.xml).map_or(0, |(from, _)| from as u64);
        Self {
            interchange: first.interchange,
            group: first.group,
            set: first.set,
            count: run.len(),
            faulty: run.iter().filter(|item| item.worst == Some(Severity::Error)).count(),
            source_start: first.source.0,
            document_start: xml_start + document_start,
            worst: PyBytes::new(py, &worst).unbind(),
            sizes: PyBytes::new(py, &sizes).unbind(),
            contexts: PyBytes::new(py, &contexts).unbind(),
            gaps: PyBytes::new(py, &gaps).unbind(),
        }
    }
}

/// Offset in the item and length of the value that names it; one too far inside for 16 bits is left out.
fn context_of(item: &ItemDone) -> [u16; 2] {
    let found = item.context.and_then(|(from, to)| {
        let offset = u16::try_from(from - item.source.0).ok().filter(|offset| *offset != NO_CONTEXT)?;
        Some([offset, u16::try_from(to - from).ok()?])
    });
    found.unwrap_or([NO_CONTEXT, 0])
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
