//! A small invented guide for tests: header, two hierarchical levels, items with repeats, composites and notes.

use std::sync::Arc;

use crate::program::Program;
use crate::tables::{
    ChildTable, CodeSetTable, DataType, ElementTable, FORMAT, GuideTable, ItemTable, KeyTable, LoopTable, RuleTable,
    SegmentTable, SyntaxTable, Tables, Usage,
};

pub const CODE_SETS: [(&str, &[&str]); 6] = [
    ("provider", &["20"]),
    ("subscriber", &["22"]),
    ("service", &["472"]),
    ("onset", &["431"]),
    ("yes", &["Y", "N"]),
    ("date format", &["D8", "RD8"]),
];

pub fn element(data_element: &str, usage: Usage, data_type: DataType, length: (u32, u32)) -> ElementTable {
    ElementTable {
        data_element: data_element.into(),
        name: format!("element {data_element}"),
        usage,
        data_type,
        min_length: length.0,
        max_length: length.1,
        code_set: None,
        pattern: None,
        repeat: 1,
        format_by: 0,
        components: vec![],
    }
}

fn text(usage: Usage, max: u32) -> ElementTable {
    element("127", usage, DataType::Text, (1, max))
}

fn coded(usage: Usage, code_set: u32) -> ElementTable {
    ElementTable { code_set: Some(code_set), ..element("1138", usage, DataType::Identifier, (1, 3)) }
}

fn segment(
    id: &str,
    parent: u32,
    usage: Usage,
    max_use: u32,
    position: u32,
    elements: Vec<ElementTable>,
) -> SegmentTable {
    SegmentTable {
        id: id.into(),
        name: format!("segment {id}"),
        parent,
        usage,
        max_use,
        position,
        key: None,
        elements,
        syntax: vec![],
    }
}

fn keyed(mut table: SegmentTable, element: u16, code_set: u32) -> SegmentTable {
    table.key = Some(KeyTable { element, component: 1, code_set });
    table
}

fn level(parent: u32, code_set: u32) -> SegmentTable {
    let number = |usage| element("628", usage, DataType::Text, (1, 12));
    let elements = vec![
        number(Usage::Required),
        number(Usage::Situational),
        coded(Usage::Required, code_set),
        text(Usage::Situational, 1),
    ];
    keyed(segment("HL", parent, Usage::Required, 1, 10, elements), 3, code_set)
}

fn dated(parent: u32, code_set: u32) -> SegmentTable {
    let mut value = element("1251", Usage::Required, DataType::Text, (1, 35));
    value.format_by = 2;
    let elements = vec![coded(Usage::Required, code_set), coded(Usage::Required, 5), value];
    keyed(segment("DTP", parent, Usage::Situational, 1, 20, elements), 1, code_set)
}

fn a_loop(
    id: &str,
    parent: Option<u32>,
    usage: Usage,
    repeat: u32,
    position: u32,
    children: Vec<ChildTable>,
) -> LoopTable {
    LoopTable { id: id.into(), name: format!("loop {id}"), parent, usage, repeat, position, children, wrapper: false }
}

/// `ST (BHT) [2000A HL PRV? [2000B HL [2300 CLM DTP* HI?]]] SE`, `CLM` with a composite and a repeating element.
pub fn guide() -> GuideTable {
    use ChildTable::{Loop as L, Segment as S};
    let mut claim_place = element("C023", Usage::Situational, DataType::Text, (0, 0));
    claim_place.components = vec![text(Usage::Required, 2), text(Usage::Situational, 2), coded(Usage::Situational, 4)];
    let mut repeating = text(Usage::Situational, 3);
    repeating.repeat = 2;
    let claim = vec![
        text(Usage::Required, 38),
        element("782", Usage::Required, DataType::Decimal, (1, 18)),
        text(Usage::NotUsed, 2),
        claim_place,
        repeating,
    ];
    let mut pointers =
        segment("HI", 3, Usage::Situational, 1, 30, vec![text(Usage::Situational, 5), text(Usage::Situational, 5)]);
    pointers.syntax = vec![SyntaxTable { kind: 'P', elements: vec![1, 2] }];
    let trailer = vec![element("96", Usage::Required, DataType::Numeric, (1, 10)), text(Usage::Required, 9)];
    let opening = vec![text(Usage::Required, 3), text(Usage::Required, 9), text(Usage::Situational, 35)];
    GuideTable {
        id: "005010XTEST".into(),
        transaction_set: "837".into(),
        functional_group: "HC".into(),
        loops: vec![
            a_loop("ST_LOOP", None, Usage::Required, 0, 0, vec![S(0), S(1), L(1), S(2)]),
            a_loop("2000A", Some(0), Usage::Required, 0, 30, vec![S(3), S(4), L(2)]),
            a_loop("2000B", Some(1), Usage::Required, 0, 30, vec![S(5), L(3)]),
            a_loop("2300", Some(2), Usage::Situational, 100, 40, vec![S(6), S(7), S(8), S(9)]),
        ],
        segments: vec![
            segment("ST", 0, Usage::Required, 1, 10, opening),
            segment("BHT", 0, Usage::Required, 1, 20, vec![text(Usage::Required, 4), text(Usage::Situational, 30)]),
            segment("SE", 0, Usage::Required, 1, 40, trailer),
            level(1, 0),
            segment("PRV", 1, Usage::Situational, 1, 20, vec![text(Usage::Required, 10)]),
            level(2, 1),
            segment("CLM", 3, Usage::Required, 1, 10, claim),
            dated(3, 2),
            dated(3, 3),
            pointers,
        ],
        item: Some(ItemTable {
            kind: "claim".into(),
            loops: vec![3],
            context_name: "CLM01".into(),
            context_segments: vec![6],
            context_element: 1,
        }),
        known_segments: ["ST", "SE", "BHT", "HL", "PRV", "CLM", "DTP", "HI", "NTE"].map(String::from).to_vec(),
    }
}

pub fn code_sets() -> Vec<CodeSetTable> {
    CODE_SETS
        .iter()
        .map(|(id, codes)| CodeSetTable { id: (*id).into(), codes: codes.iter().map(|code| (*code).into()).collect() })
        .collect()
}

/// The test guide with these rules.
///
/// # Panics
/// Where the rules do not fit the guide.
pub fn program(rules: Vec<RuleTable>) -> Arc<Program> {
    let tables = Tables { format: FORMAT, guide: guide(), code_sets: code_sets(), rules, mapping: None };
    match Program::from_tables(tables, [0; 32]) {
        Ok(program) => Arc::new(program),
        Err(fault) => panic!("the test guide is refused: {fault}"),
    }
}
