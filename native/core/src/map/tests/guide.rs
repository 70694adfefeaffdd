//! A small guide in the manner of 837 (two kinds of item, two levels above) and a mapping that uses the whole language.

use crate::map::program::Mapping;
use crate::map::tables::{
    AttributeTable, BlockTable, BodyTable, BranchTable, CodeTable, CodecTable, ConditionTable, ItemBlockTable,
    ItemBranchTable, MappingTable, PartTable, PlaceTable, RouteTable, SlotTable, UnitTable,
};
use crate::tables::{
    ChildTable, CodeSetTable, DataType, ElementTable, GuideTable, ItemTable, KeyTable, LoopTable, SegmentTable, Usage,
};

/// `depth id repeat` of a loop, or `depth ID element element...` of a segment, in document order. An element is
/// `R`, `S`, `R:A|B` or a composite `R(R:A|B,S)`; a loop in brackets is a wrapper.
const GUIDE: &str = "
1 ST R:837 R S
1 [HEADER]
2 BHT R:0019 R:00|18 R S S
2 1000A 1
3 NM1 R:41 R:1|2 S S S S S S:46 S
3 PER R:IC S S:TE|FX S S:TE|FX S
1 [DETAIL]
2 2000A 0
3 HL R S R:20 R:1
3 PRV R:BI R:PXC R
3 2010AA 1
4 NM1 R:85 R:1|2 S S S S S S:XX|24 S
4 N3 R S
4 N4 S S S
4 REF R:EI|SY R
3 2000B 0
4 HL R R R:22 R:0|1
4 SBR R:P|S S:18 S
4 2010BA 1
5 NM1 R:IL R:1|2 S S S S S S:MI S
5 DMG R:D8 R R:M|F|U
4 2300 3
5 CLM R R S S R(R,R:B,R) S
5 DTP R:431 R:D8|RD8 R
5 DTP R:454 R:D8|RD8 R
5 REF R:F8 R
5 REF R:G1 R
5 HI R(R:ABK|BK,R,S) S(R:ABF|BF,R) S(R:ABF|BF,R)
5 HI R(R:BG,R) S(R:BG,R) S(R:BG,R)
5 2310B 1
6 NM1 R:82 R:1|2 S S S S S S:XX S
6 PRV R:PE R:PXC R
5 2310C 1
6 NM1 R:77 R:2
6 N3 R S
5 2400 0
6 LX R
6 SV1 R(R:HC|IV,R,S,S) R S S S S S(R,S,S,S)
6 DTP R:472 R:D8|RD8 R
6 CAS R:CO|PR R R S S S S S S S
6 EQ S^ S
4 2000C 0
5 HL R R R:23 R:0
5 PAT R:01|19
5 2010CA 1
6 NM1 R:QC R:1|2 S S S S S S:MI S
6 DMG R:D8 R R:M|F|U
5 2300 3
6 CLM R R S S R(R,R:B,R) S
6 REF R:F8 R
6 REF R:G1 R
6 HI R(R:ABK|BK,R,S) S(R:ABF|BF,R) S(R:ABF|BF,R)
6 2400 0
7 LX R
7 SV1 R(R:HC|IV,R,S,S) R S S S S S(R,S,S,S)
7 CAS R:CO|PR R R S S S S S S S
1 SE R R
";

fn element(text: &str, sets: &mut Vec<CodeSetTable>) -> ElementTable {
    let (head, inner) = match text.split_once('(') {
        Some((head, rest)) => (head, rest.strip_suffix(')')),
        None => (text, None),
    };
    let (usage, codes) = head.split_once(':').unwrap_or((head, ""));
    let code_set = (!codes.is_empty()).then(|| {
        sets.push(CodeSetTable { id: codes.into(), codes: codes.split('|').map(str::to_owned).collect() });
        sets.len() as u32 - 1
    });
    ElementTable {
        data_element: "0".into(),
        name: String::new(),
        usage: if usage.starts_with('R') { Usage::Required } else { Usage::Situational },
        data_type: DataType::Text,
        min_length: 1,
        max_length: 80,
        code_set,
        pattern: None,
        repeat: u32::from(!usage.ends_with('^')),
        format_by: 0,
        components: inner.map(|inner| inner.split(',').map(|part| element(part, sets)).collect()).unwrap_or_default(),
    }
}

fn key(id: &str, elements: &[ElementTable]) -> Option<KeyTable> {
    let (element, component) = if id == "HL" { (3, 1) } else { (1, 1) };
    let of = elements.get(element - 1)?;
    let part = of.components.first().unwrap_or(of);
    let code_set = part.code_set.filter(|_| part.usage == Usage::Required)?;
    Some(KeyTable { element: element as u16, component, code_set })
}

pub fn guide() -> (GuideTable, Vec<CodeSetTable>) {
    let mut sets = Vec::new();
    let root = LoopTable {
        id: "ST_LOOP".into(),
        name: String::new(),
        parent: None,
        usage: Usage::Required,
        repeat: 1,
        position: 0,
        children: Vec::new(),
        wrapper: false,
    };
    let (mut loops, mut segments) = (vec![root], Vec::<SegmentTable>::new());
    let mut open = vec![0_usize];
    for (line, text) in GUIDE.trim().lines().enumerate() {
        let mut words = text.split(' ');
        let depth: usize = words.next().unwrap().parse().unwrap();
        let id = words.next().unwrap();
        let rest: Vec<&str> = words.collect();
        open.truncate(depth);
        let parent = *open.last().unwrap();
        let wrapper = id.starts_with('[');
        if wrapper || id.starts_with(|first: char| first.is_ascii_digit()) {
            let index = loops.len();
            loops.push(LoopTable {
                id: id.trim_matches(['[', ']']).into(),
                name: String::new(),
                parent: Some(parent as u32),
                usage: Usage::Situational,
                repeat: rest.first().map_or(1, |repeat| repeat.parse().unwrap()),
                position: line as u32,
                children: Vec::new(),
                wrapper,
            });
            loops[parent].children.push(ChildTable::Loop(index as u32));
            open.push(index);
        } else {
            let elements: Vec<ElementTable> = rest.iter().map(|text| element(text, &mut sets)).collect();
            loops[parent].children.push(ChildTable::Segment(segments.len() as u32));
            segments.push(SegmentTable {
                id: id.into(),
                name: String::new(),
                parent: parent as u32,
                usage: Usage::Situational,
                max_use: 0,
                position: line as u32,
                key: key(id, &elements),
                elements,
                syntax: Vec::new(),
            });
        }
    }
    let item_loops: Vec<u32> = (0..loops.len() as u32).filter(|index| loops[*index as usize].id == "2300").collect();
    let guide = GuideTable {
        id: "TEST".into(),
        transaction_set: "837".into(),
        functional_group: "HC".into(),
        item: Some(ItemTable {
            kind: "claim".into(),
            loops: item_loops,
            context_name: "CLM01".into(),
            context_segments: Vec::new(),
            context_element: 1,
        }),
        known_segments: Vec::new(),
        loops,
        segments,
    };
    (guide, sets)
}

struct Rules<'a> {
    guide: &'a GuideTable,
    sets: &'a [CodeSetTable],
}

type Rule<'a> = (&'a str, &'a str);

impl Rules<'_> {
    fn children(&self, of: u32) -> Vec<ChildTable> {
        let of = &self.guide.loops[of as usize];
        let mut found = Vec::new();
        for child in &of.children {
            match child {
                ChildTable::Loop(at) if self.guide.loops[*at as usize].wrapper => found.extend(self.children(*at)),
                other => found.push(*other),
            }
        }
        found
    }

    fn child(&self, of: u32, id: &str) -> Option<u32> {
        self.children(of).into_iter().find_map(|child| match child {
            ChildTable::Loop(at) if self.guide.loops[at as usize].id == id => Some(at),
            _ => None,
        })
    }

    /// `2310B/NM1[08=XX]`: a loop below or around, then a segment with one condition.
    fn route(&self, from: u32, path: &str) -> Option<RouteTable> {
        let (mut base, mut loops, mut segment) = (from, Vec::new(), None);
        for step in path.split('/').filter(|step| !step.is_empty()) {
            if !step.starts_with(|first: char| first.is_ascii_digit()) {
                segment = Some(step);
                continue;
            }
            let at = loops.last().copied().unwrap_or(base);
            match self.child(at, step) {
                Some(child) => loops.push(child),
                None => {
                    let mut around = Some(base);
                    while let Some(at) = around {
                        if self.guide.loops[at as usize].id == step {
                            base = at;
                            break;
                        }
                        if let Some(child) = self.child(at, step) {
                            (base, loops) = (at, vec![child]);
                            break;
                        }
                        around = self.guide.loops[at as usize].parent;
                    }
                    around?;
                }
            }
        }
        let target = loops.last().copied().unwrap_or(base);
        let (mut segments, mut conditions) = (Vec::new(), Vec::new());
        if let Some(segment) = segment {
            let (id, condition) = segment.split_once('[').unwrap_or((segment, ""));
            if let Some(condition) = condition.strip_suffix(']') {
                let (place, values) = condition.split_once('=').unwrap_or(("01", condition));
                let (element, component) = place.split_once('-').unwrap_or((place, "1"));
                conditions.push(ConditionTable {
                    element: element.parse().ok()?,
                    component: component.parse().ok()?,
                    any_of: values.split('|').map(str::to_owned).collect(),
                });
            }
            for child in self.children(target) {
                if let ChildTable::Segment(at) = child
                    && self.guide.segments[at as usize].id == id
                    && self.allows(at, &conditions)
                {
                    segments.push(at);
                }
            }
            if segments.is_empty() {
                return None;
            }
        }
        Some(RouteTable { base, loops, segments, conditions, wanted: 0 })
    }

    fn allows(&self, segment: u32, conditions: &[ConditionTable]) -> bool {
        let Some(key) = &self.guide.segments[segment as usize].key else { return true };
        let codes = &self.sets[key.code_set as usize].codes;
        conditions
            .iter()
            .filter(|on| (on.element, on.component) == (key.element, key.component))
            .all(|on| on.any_of.iter().any(|value| codes.contains(value)))
    }

    fn slot(&self, from: Option<u32>, path: &str) -> Option<SlotTable> {
        let place = |text: &str| {
            if let Some(offset) = text.strip_prefix('+') {
                return PlaceTable::Offset { offset: offset.parse().unwrap(), component: 1 };
            }
            if let Some(component) = text.strip_prefix('-') {
                return PlaceTable::Component { component: component.parse().unwrap() };
            }
            let (element, component) = text.split_once('-').unwrap_or((text, "1"));
            PlaceTable::Element { element: element.parse().unwrap(), component: component.parse().unwrap() }
        };
        let Some(from) = from else {
            return Some(SlotTable { route: None, place: place(path), conditions: Vec::new() });
        };
        let cut = match path.find(']') {
            Some(at) => at + 1,
            None => {
                path.rfind('/').map_or(0, |at| at + 1) + if path.contains("N3") || path.contains("N4") { 2 } else { 3 }
            }
        };
        let cut = if path[..cut].ends_with(|last: char| last.is_ascii_digit()) && path.len() - cut == 1 {
            cut - 1
        } else {
            cut
        };
        Some(SlotTable {
            route: Some(self.route(from, &path[..cut])?),
            place: place(&path[cut..]),
            conditions: Vec::new(),
        })
    }

    fn attributes(&self, from: Option<u32>, rules: &[Rule]) -> Vec<AttributeTable> {
        let attribute = |(name, text): &Rule| {
            let (path, codec) = text.split_once(' ').unwrap_or((text, ""));
            let codec = match codec.split_once(':').unwrap_or((codec, "")) {
                ("date", _) => CodecTable::Date,
                ("time", _) => CodecTable::Time,
                ("period", qualifier) => CodecTable::Period { qualifier: qualifier.parse().unwrap() },
                ("code", _) => CodecTable::Code { table: 0 },
                _ => CodecTable::Text,
            };
            let slot = self.slot(from, path)?;
            Some(AttributeTable { name: (*name).into(), slot, codec, default: None, derived: false })
        };
        rules.iter().filter_map(attribute).collect()
    }

    /// Empty where the guide has no such place.
    #[allow(clippy::too_many_arguments, reason = "a rule, written in one line")]
    fn block(
        &self,
        from: u32,
        name: &str,
        many: bool,
        path: &str,
        part: PartTable,
        rules: &[Rule],
        inner: &[Nested],
    ) -> Vec<BlockTable> {
        let Some(route) = self.route(from, path) else { return Vec::new() };
        let target = route.loops.last().copied().unwrap_or(route.base);
        let scope = (route.segments.is_empty()).then_some(target);
        let blocks = inner.iter().flat_map(|nested| match (nested, scope) {
            (Nested::Part(name, part, rules), None) => vec![BlockTable {
                element: (*name).into(),
                many: true,
                tag: None,
                branches: vec![BranchTable {
                    value: None,
                    unit: UnitTable { route: None, part: *part },
                    body: BodyTable { attributes: self.attributes(None, rules), ..BodyTable::default() },
                }],
            }],
            (Nested::Block(name, many, path, part, rules, inner), Some(at)) => {
                self.block(at, name, *many, path, *part, rules, inner)
            }
            _ => Vec::new(),
        });
        let body =
            BodyTable { attributes: self.attributes(scope, rules), blocks: blocks.collect(), ..BodyTable::default() };
        let unit = UnitTable { route: Some(route), part };
        vec![BlockTable {
            element: name.into(),
            many,
            tag: None,
            branches: vec![BranchTable { value: None, unit, body }],
        }]
    }
}

enum Nested<'a> {
    Part(&'a str, PartTable, &'a [Rule<'a>]),
    Block(&'a str, bool, &'a str, PartTable, &'a [Rule<'a>], &'a [Nested<'a>]),
}

const NAME: &[Rule] = &[
    ("entity", "NM102 code:entity"),
    ("last", "NM1[02=1]03"),
    ("organization", "NM1[02=2]03"),
    ("first", "NM104"),
    ("npi", "NM1[08=XX]09"),
    ("memberId", "NM1[08=MI]09"),
    ("line1", "N301"),
    ("city", "N401"),
    ("birth", "DMG02 period:01"),
    ("taxonomy", "PRV03"),
];

#[allow(clippy::too_many_lines, reason = "one table, written down")]
pub fn mapping() -> (GuideTable, Mapping) {
    let (guide, sets) = guide();
    let rules = Rules { guide: &guide, sets: &sets };
    let references = Nested::Block("reference", true, "REF", PartTable::Whole, &[("type", "01"), ("value", "02")], &[]);
    let point =
        Nested::Part("point", PartTable::Groups { first: 3, last: 6, step: 2 }, &[("system", "+0"), ("value", "+1")]);
    let contact =
        Nested::Block("contact", true, "PER", PartTable::Whole, &[("name", "02")], std::slice::from_ref(&point));
    let set = BodyTable {
        attributes: rules.attributes(
            Some(0),
            &[("purpose", "BHT02"), ("reference", "BHT03"), ("date", "BHT04 date"), ("time", "BHT05 time")],
        ),
        blocks: rules.block(0, "submitter", false, "1000A", PartTable::Whole, NAME, &[contact]),
        ..BodyTable::default()
    };
    let line = [
        Nested::Block(
            "procedure",
            false,
            "SV1",
            PartTable::Composite { element: 1 },
            &[("type", "-1"), ("code", "-2")],
            &[],
        ),
        Nested::Block("date", true, "DTP", PartTable::Whole, &[("type", "01"), ("value", "03 period:02")], &[]),
        Nested::Block(
            "adjustment",
            true,
            "CAS",
            PartTable::Whole,
            &[("group", "01")],
            &[Nested::Part(
                "detail",
                PartTable::Groups { first: 2, last: 10, step: 3 },
                &[("reason", "+0"), ("amount", "+1"), ("quantity", "+2")],
            )],
        ),
        Nested::Block("type", true, "EQ", PartTable::Repetitions { element: 1 }, &[("code", "-1")], &[]),
    ];
    let item = guide.item.as_ref().unwrap().loops.iter().zip(["subscriber", "dependent"]).map(|(node, value)| {
        let node = *node;
        let mut blocks = rules.block(
            node,
            "billingProvider",
            false,
            "2010AA",
            PartTable::Whole,
            NAME,
            std::slice::from_ref(&references),
        );
        blocks.extend(rules.block(
            node,
            "subscription",
            false,
            "2000B/",
            PartTable::Whole,
            &[("responsibility", "SBR01")],
            &[],
        ));
        blocks.extend(rules.block(node, "subscriber", false, "2010BA", PartTable::Whole, NAME, &[]));
        blocks.extend(rules.block(node, "patient", false, "2010CA", PartTable::Whole, NAME, &[]));
        blocks.extend(rules.block(
            node,
            "reference",
            true,
            "REF",
            PartTable::Whole,
            &[("type", "01"), ("value", "02")],
            &[],
        ));
        let composites = PartTable::Composites { first: 1, last: 3 };
        blocks.extend(rules.block(
            node,
            "diagnosis",
            true,
            "HI[01-1=ABK|BK]",
            composites,
            &[("type", "-1"), ("code", "-2")],
            &[],
        ));
        blocks.extend(rules.block(node, "condition", true, "HI[01-1=BG]", composites, &[("code", "-2")], &[]));
        blocks.extend(rules.block(node, "provider", false, "2310B", PartTable::Whole, NAME, &[]));
        blocks.extend(rules.block(node, "facility", false, "2310C", PartTable::Whole, &[("line1", "N301")], &[]));
        blocks.extend(rules.block(node, "line", true, "2400", PartTable::Whole, &[("charge", "SV102")], &line));
        let attributes = rules.attributes(
            Some(node),
            &[
                ("number", "CLM01"),
                ("charge", "CLM02"),
                ("place", "CLM05-1"),
                ("frequency", "CLM05-3"),
                ("original", "REF[F8]02"),
                ("onset", "DTP[431]03 period:02"),
            ],
        );
        ItemBranchTable {
            value: Some(value.into()),
            loop_node: node,
            body: BodyTable { attributes, blocks, ..BodyTable::default() },
        }
    });
    let item = ItemBlockTable { element: "claim".into(), tag: Some("patientIs".into()), branches: item.collect() };
    let pairs = vec![("1".into(), "person".into()), ("2".into(), "organization".into())];
    let table = MappingTable { codes: vec![CodeTable { id: "entity".into(), pairs }], set, item: Some(item) };
    let mapping = Mapping::compile(&table, &guide, &sets).unwrap();
    (guide, mapping)
}
