//! Records of a batch as Python sees them: read-only, text decoded as Latin-1, nothing that holds a value.

use gateway_core::x12::finding::{Finding, Severity};
use gateway_core::x12::judge::ItemDone;
use gateway_core::x12::reader::{SetHeader, Unit as CoreUnit, UnitKind};
use pyo3::prelude::*;

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

#[pyclass(frozen, get_all, module = "gateway._native")]
pub struct Item {
    interchange: u32,
    group: u32,
    set: u32,
    ordinal: u32,
    worst: &'static str,
    xml: Option<(usize, usize)>,
    source: (u64, u64),
    context: Option<(u64, u64)>,
}

impl From<&ItemDone> for Item {
    fn from(item: &ItemDone) -> Self {
        Self {
            interchange: item.interchange,
            group: item.group,
            set: item.set,
            ordinal: item.ordinal,
            worst: item.worst.map_or("", severity),
            xml: item.xml,
            source: item.source,
            context: item.context,
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
