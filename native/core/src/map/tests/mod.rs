//! Both directions against each other, on whole sets and on sets that someone has spoiled.

mod guide;
mod tree;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::map::context::DocumentContext;
use crate::map::program::Mapping;
use crate::map::read::{NAMESPACE, Renderer};
use crate::map::write::{GenerateError, GenerateOptions, Generated, generate};
use crate::tables::GuideTable;
use crate::x12::tree::{NONE, Tree};

const CLAIMS: &str = "BHT*0019*00*0123*20051015*1023
NM1*41*2*BILLING SERVICE*****46*TGJ23
PER*IC*JERRY*TE*3055552222*FX*231
HL*1**20*1
PRV*BI*PXC*203BF0100Y
NM1*85*2*KILDARE SERVICE*****XX*9876543210
N3*234 SEAWAY ST
N4*MIAMI*FL*33111
REF*EI*587654321
HL*2*1*22*0
SBR*P*18*2222-SJ
NM1*IL*1*SMITH*JANE****MI*JS00111223333
DMG*D8*19430501*F
CLM*26463774*100***11:B:1*Y
DTP*431*RD8*20050101-20050103
DTP*454*D8*20050104
REF*F8*1234
REF*G1*55
REF*G1*56
HI*BK:0340*BF:V7389
HI*BG:17*BG:18
NM1*82*1*KILDARE*BEN****XX*9999977777
PRV*PE*PXC*204C00000X
NM1*77*2
N3*5 BAY ST
LX*1
SV1*HC:99213:25*40*UN*1***1:2
DTP*472*D8*20061003
CAS*PR*1*7.93**2*15.06*1
EQ*30^98
LX*2
SV1*HC:87070*15*UN*1
CLM*26463775*50***11:B:7
LX*1
SV1*HC:99213*50
HL*3*1*22*1
SBR*S**X
NM1*IL*1*DOE*JO****MI*77
DMG*D8*19500101*M
HL*4*3*23*0
PAT*19
NM1*QC*1*DOE*TIM
DMG*D8*20100101*M
CLM*3*20***11:B:1
REF*G1*9
LX*1
SV1*HC:1*20
CAS*CO*45*5";

struct Fixture {
    guide: GuideTable,
    sets: Vec<crate::tables::CodeSetTable>,
    mapping: Mapping,
}

fn fixture() -> Fixture {
    let (guide, mapping) = guide::mapping();
    Fixture { guide, sets: guide::guide().1, mapping }
}

/// The documents of a set: one for each item, one for each level that has none, else one for the set.
fn documents(fixture: &Fixture, tree: &Tree) -> Vec<u8> {
    let source: [Vec<u8>; 1] = [b"ISA".to_vec()];
    let mut context = DocumentContext {
        kind: "claim",
        id: "0.1",
        guide: "TEST",
        source_attributes: "",
        interchange: &source,
        group: &source,
        set: &source,
        interchange_ordinal: 1,
        group_ordinal: 1,
        set_ordinal: 1,
        item_ordinal: 0,
    };
    let mut xml = format!("<documents xmlns=\"{NAMESPACE}\">").into_bytes();
    let mut renderer = Renderer::new();
    let items = &fixture.guide.item.as_ref().unwrap().loops;
    let outline = &fixture.mapping.outline;
    let is_level = |node: u32| outline.loops[node as usize].hierarchical;
    for (instance, of) in (0_u32..).zip(&tree.loops) {
        let is_innermost = !(instance + 1..tree.loops.len() as u32).any(|inner| {
            let node = tree.loops[inner as usize].node;
            (items.contains(&node) || is_level(node)) && is_inside(tree, inner, instance)
        });
        context.item_ordinal += 1;
        if items.contains(&of.node) {
            renderer.write_document(&mut xml, &fixture.mapping, tree, &context, instance);
        } else if is_level(of.node) && is_innermost {
            renderer.write_remainder(&mut xml, &fixture.mapping, tree, &context, instance);
        }
    }
    if !xml.ends_with(b"</document>") {
        renderer.write_set_document(&mut xml, &fixture.mapping, tree, &context);
    }
    xml.extend_from_slice(b"</documents>");
    xml
}

fn is_inside(tree: &Tree, inner: u32, outer: u32) -> bool {
    let mut at = inner;
    while at != NONE {
        if at == outer {
            return true;
        }
        at = tree.loops[at as usize].parent;
    }
    false
}

fn options() -> GenerateOptions {
    GenerateOptions {
        control_number: b"0001".to_vec(),
        element_separator: b'*',
        component_separator: b':',
        repetition_separator: b'^',
        segment_terminator: b'~',
        line_end: Vec::new(),
    }
}

fn read(fixture: &Fixture, body: &[String]) -> Vec<u8> {
    let mut segments = vec!["ST*837*0001*TEST".to_owned()];
    segments.extend_from_slice(body);
    documents(fixture, &tree::tree(&fixture.guide, &fixture.sets, &segments))
}

fn written(generated: &Generated) -> Vec<String> {
    let text = String::from_utf8(generated.text.clone()).unwrap();
    let segments: Vec<String> = text.trim_end_matches('~').split('~').map(str::to_owned).collect();
    segments[1..segments.len() - 1].to_vec()
}

fn there_and_back(fixture: &Fixture, body: &[String]) -> Result<Vec<String>, GenerateError> {
    generate(&fixture.mapping, &read(fixture, body), &options()).map(|generated| written(&generated))
}

fn claims() -> Vec<String> {
    CLAIMS.lines().map(str::to_owned).collect()
}

/// Trailing empty elements and components say nothing.
fn normal(segments: &[String]) -> Vec<String> {
    let element = |text: &str| {
        text.split('^')
            .map(|part| part.trim_end_matches(':'))
            .collect::<Vec<_>>()
            .join("^")
            .trim_end_matches('^')
            .to_owned()
    };
    let segment =
        |text: &String| text.split('*').map(element).collect::<Vec<_>>().join("*").trim_end_matches('*').to_owned();
    segments.iter().map(segment).collect()
}

/// The start tags of the XML without `at`, without `other` and `order`.
fn stripped(xml: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(xml.to_vec()).unwrap();
    let mut rest = text.as_str();
    let mut out = String::new();
    while let Some(start) = ["<other", "<order"].iter().filter_map(|tag| rest.find(tag)).min() {
        out.push_str(&rest[..start]);
        let name = &rest[start + 1..start + 6];
        let tag_end = start + rest[start..].find('>').unwrap();
        let end = if rest[..tag_end].ends_with('/') {
            tag_end + 1
        } else {
            let close = format!("</{name}>");
            start + rest[start..].find(&close).unwrap() + close.len()
        };
        rest = &rest[end..];
    }
    out.push_str(rest);
    while let Some(at) = out.match_indices("></").map(|(at, _)| at).find(|at| {
        let open = out[..*at].rfind('<').unwrap();
        !out[open..].starts_with("</") && !out[..*at].ends_with('/')
    }) {
        let end = at + 1 + out[at + 1..].find('>').unwrap();
        out.replace_range(at..=end, "/>");
    }
    out.split(" at=\"")
        .enumerate()
        .map(|(index, part)| if index == 0 { part } else { &part[part.find('"').unwrap() + 1..] })
        .collect::<String>()
        .into_bytes()
}

#[test]
fn a_whole_set_comes_back_equal() {
    let fixture = fixture();
    let generated = generate(&fixture.mapping, &read(&fixture, &claims()), &options()).unwrap();

    assert_eq!(written(&generated), claims());
    assert_eq!(generated.unwritten, Vec::<String>::new());
    assert!(generated.text.starts_with(b"ST*837*0001*TEST~"));
    assert!(generated.text.ends_with(format!("SE*{}*0001~", claims().len() + 2).as_bytes()));
    assert_eq!(generated.segment_count, claims().len() as u64 + 2);
}

#[test]
fn a_claim_says_what_its_attributes_are_named_for() {
    let fixture = fixture();
    let xml = String::from_utf8(read(&fixture, &claims())).unwrap();

    for part in [
        "<header purpose=\"00\" reference=\"0123\" date=\"2005-10-15\" time=\"10:23\"><submitter entity=\"organization\" organization=\"BILLING SERVICE\">",
        "<contact name=\"JERRY\"><point system=\"TE\" value=\"3055552222\"/><point system=\"FX\" value=\"231\"/></contact>",
        "<claim at=\"2000A:1/2000B:1/2300:1\" patientIs=\"subscriber\" number=\"26463774\" charge=\"100\" place=\"11\" frequency=\"1\" original=\"1234\" onset=\"2005-01-01/2005-01-03\">",
        "<reference type=\"G1\" value=\"55\"/><reference type=\"G1\" value=\"56\"/>",
        "<diagnosis type=\"BK\" code=\"0340\"/><diagnosis type=\"BF\" code=\"V7389\"/><condition code=\"17\"/><condition code=\"18\"/>",
        "<adjustment group=\"PR\"><detail reason=\"1\" amount=\"7.93\"/><detail reason=\"2\" amount=\"15.06\" quantity=\"1\"/></adjustment>",
        "<type code=\"30\"/><type code=\"98\"/>",
        "<claim at=\"2000A:1/2000B:2/2000C:1/2300:1\" patientIs=\"dependent\"",
        "<other at=\"^2000A/PRV:1\" whole=\"true\"><value slot=\"03\">203BF0100Y</value></other>",
    ] {
        assert!(xml.contains(&part.replace("PRV:1", "PRV[BI]:1")), "{part}\n{xml}");
    }
}

#[test]
fn a_stripped_set_still_has_its_levels_numbers_and_dictated_values() {
    let fixture = fixture();
    let xml = stripped(&read(&fixture, &claims()));
    let generated = generate(&fixture.mapping, &xml, &options()).unwrap();
    let segments = written(&generated);

    for segment in [
        "HL*1**20*1",
        "HL*2*1*22*0",
        "HL*3*1*22*1",
        "HL*4*3*23*0",
        "CLM*26463774*100***11:B:1",
        "LX*2",
        "HI*BG:17*BG:18",
    ] {
        assert!(segments.contains(&segment.to_owned()), "{segment}: {segments:?}");
    }
    assert!(stripped(&read(&fixture, &segments)) == xml, "the second law: reading what was written gives the same");
}

#[test]
fn a_level_without_items_is_carried_by_a_remainder() {
    let fixture = fixture();
    let body: Vec<String> =
        claims()[..13].iter().cloned().chain(["HL*3*1*22*0".into(), "SBR*S*18*LAST".into()]).collect();

    assert_eq!(there_and_back(&fixture, &body).unwrap(), body);
}

#[test]
fn a_set_without_levels_is_its_header() {
    let fixture = fixture();

    assert_eq!(there_and_back(&fixture, &claims()[..3]).unwrap(), claims()[..3]);
}

#[test]
fn a_value_that_is_not_utf8_makes_the_document_latin1() {
    let fixture = fixture();
    let mut segments = vec!["ST*837*0001*TEST".to_owned()];
    segments.extend(claims());
    let mut tree = tree::tree(&fixture.guide, &fixture.sets, &segments);
    let at = tree.text.windows(6).position(|window| window == b"MIAMI*").unwrap();
    tree.text[at] = 0xCD;
    let xml = documents(&fixture, &tree);
    let generated = generate(&fixture.mapping, &xml, &options()).unwrap();

    assert!(String::from_utf8(xml).unwrap().contains(" charset=\"ISO-8859-1\""));
    assert!(generated.text.windows(8).any(|window| window == b"N4*\xCDIAMI"));
}

#[test]
fn documents_that_disagree_on_what_encloses_both_are_refused() {
    let fixture = fixture();
    let xml = String::from_utf8(read(&fixture, &claims())).unwrap();
    let edited = xml.replacen("city=\"MIAMI\"", "city=\"TAMPA\"", 1);
    let fault = generate(&fixture.mapping, edited.as_bytes(), &options()).unwrap_err();

    assert_eq!(fault.0, "document 2: the enclosing 2000A differs from that of an earlier document (in 2010AA)");
}

#[test]
fn what_no_rule_knows_is_reported_and_not_written() {
    let fixture = fixture();
    let xml = String::from_utf8(read(&fixture, &claims())).unwrap();
    let edited = xml.replacen("<diagnosis type=\"BK\"", "<colour hue=\"7\"/><diagnosis shade=\"2\" type=\"BK\"", 1);
    let generated = generate(&fixture.mapping, edited.as_bytes(), &options()).unwrap();

    assert_eq!(written(&generated), claims());
    assert_eq!(
        generated.unwritten,
        [
            "document 1/claim/diagnosis/@shade: no rule for this guide",
            "document 1/claim/colour: no rule for this guide, or one too many"
        ]
    );
}

#[test]
fn documents_may_be_deleted_without_renumbering_the_others() {
    let fixture = fixture();
    let xml = String::from_utf8(read(&fixture, &claims())).unwrap();
    let second = xml.match_indices("<document ").nth(1).unwrap().0;
    let third = xml.match_indices("<document ").nth(2).unwrap().0;
    let edited = format!("{}{}", &xml[..second], &xml[third..]);
    let generated = generate(&fixture.mapping, edited.as_bytes(), &options()).unwrap();
    let expected: Vec<String> = claims()
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !(32..35).contains(index))
        .map(|(_, segment)| segment)
        .collect();

    assert_eq!(written(&generated), expected);
}

#[test]
fn bad_xml_is_refused_with_its_place_and_without_its_values() {
    let fixture = fixture();
    for (xml, expected) in [
        (&b"\xFF"[..], "byte 0: the XML is not UTF-8"),
        (b"", "no <document> to write"),
        (b"<documents xmlns=\"urn:gateway:canonical:1\"/>", "no <document> to write"),
        (b"<document/>", "byte 0: an element outside the namespace urn:gateway:canonical:1"),
        (b"<!DOCTYPE x><document/>", "byte 12: a document type declaration is not allowed"),
        (b"<document xmlns=\"urn:gateway:canonical:1\"><claim>", "byte 49: the XML ends inside a document"),
        (b"<document xmlns=\"urn:gateway:canonical:1\"><a></b></document>", "byte 45: the XML is not well-formed"),
        (
            b"<document xmlns=\"urn:gateway:canonical:1\"><claim/></document>",
            "document 1/claim/@patientIs: missing, or none of the values that this guide knows",
        ),
        (
            b"<document xmlns=\"urn:gateway:canonical:1\"><x/></document>",
            "document 1/x: this guide maps no such element",
        ),
        (
            b"<document xmlns=\"urn:gateway:canonical:1\"><remainder at=\"77\"/></document>",
            "document 1/remainder: without a place in the set (at)",
        ),
        (
            b"<document xmlns=\"urn:gateway:canonical:1\"><header reference=\"a*b\"/></document>",
            "ST_LOOP/BHT03: the value contains the element separator",
        ),
    ] {
        assert_eq!(generate(&fixture.mapping, xml, &options()).unwrap_err().0, expected);
    }
}

#[derive(Debug, Clone)]
enum Spoil {
    Swap(Index),
    Double(Index),
    Drop(Index),
    Move(Index, Index),
    Value(Index, Index, &'static str),
    Add(Index, &'static str),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let values = prop::sample::select(vec![
        "",
        "X",
        "20051399",
        "ZZ",
        "person",
        "D8",
        "0",
        "a&<\"'>b",
        "\t x \r\n",
        "é\u{2426}",
        "BG",
        "EI",
    ]);
    let segments = prop::sample::select(vec![
        "ZZZ*1",
        "AMT*F2*15.00",
        "REF*G1",
        "REF",
        "NTE*ADD*<x>",
        "HI*BK:1**BF:2",
        "HI*BG:1",
        "CAS*CO*1*2***3*4",
        "EQ*1^^3*7",
        "LX*9",
        "HL*9*9*22*1",
        "NM1*82*2",
        "NM1*77",
        "NM1*77*2",
        "N3*1:2^3",
        "?*x",
        "DTP*431*D8*2005",
        "REF*F8**d",
        "SV1*HC:1:::4",
        "PER*IC",
        "CLM*1",
    ]);
    prop_oneof![
        any::<Index>().prop_map(Spoil::Swap),
        any::<Index>().prop_map(Spoil::Double),
        any::<Index>().prop_map(Spoil::Drop),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Spoil::Move(from, to)),
        (any::<Index>(), any::<Index>(), values).prop_map(|(at, element, value)| Spoil::Value(at, element, value)),
        (any::<Index>(), segments).prop_map(|(at, segment)| Spoil::Add(at, segment)),
    ]
}

fn spoiled(mut segments: Vec<String>, how: &[Spoil]) -> Vec<String> {
    for step in how {
        let count = segments.len();
        match step {
            Spoil::Swap(at) => segments.swap(at.index(count - 1), at.index(count - 1) + 1),
            Spoil::Double(at) => segments.insert(at.index(count), segments[at.index(count)].clone()),
            Spoil::Drop(at) => drop(segments.remove(at.index(count))),
            Spoil::Move(from, to) => {
                let moved = segments.remove(from.index(count));
                segments.insert(to.index(count), moved);
            }
            Spoil::Value(at, element, value) => {
                let at = at.index(count);
                let mut elements: Vec<String> = segments[at].split('*').map(str::to_owned).collect();
                if elements.len() > 1 {
                    let element = 1 + element.index(elements.len() - 1);
                    elements[element] = (*value).to_owned();
                }
                segments[at] = elements.join("*");
            }
            Spoil::Add(at, segment) => segments.insert(at.index(count), (*segment).to_owned()),
        }
    }
    segments
}

/// Whether every loop instance comes where the guide has it: then order and levels are the guide's.
fn is_regular(fixture: &Fixture, tree: &Tree) -> bool {
    let outline = &fixture.mapping.outline;
    tree.loops.iter().all(|of| {
        let first = of.first_segment;
        of.parent == NONE
            || outline.loops[of.node as usize].wrapper
            || (first != NONE && tree.segments[first as usize].node == outline.loops[of.node as usize].trigger)
    })
}

proptest! {
    /// Whatever the segments, nothing is lost and nothing is added.
    #[test]
    fn spoiled_sets_come_back_equal(how in prop::collection::vec(spoil(), 1..5)) {
        let fixture = fixture();
        let body = normal(&spoiled(claims(), &how));
        let mut segments = vec!["ST*837*0001*TEST".to_owned()];
        segments.extend_from_slice(&body);
        let tree = tree::tree(&fixture.guide, &fixture.sets, &segments);
        prop_assume!(is_regular(&fixture, &tree));

        prop_assert_eq!(there_and_back(&fixture, &body).map_err(|fault| fault.0), Ok(body));
    }

    /// Any XML gives an answer.
    #[test]
    fn cut_documents_do_not_crash(at in any::<Index>(), byte in any::<u8>()) {
        let fixture = fixture();
        let mut xml = read(&fixture, &claims());
        let at = at.index(xml.len());
        xml[at] = byte;
        let _ = generate(&fixture.mapping, &xml, &options());
        xml.truncate(at);
        prop_assert!(generate(&fixture.mapping, &xml, &options()).is_err());
    }
}
