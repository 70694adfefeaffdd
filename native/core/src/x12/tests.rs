//! The reader over small interchanges: every level, every fault, any chunking, any bytes.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use crate::program::Program;
use crate::tables::{RuleKindTable, RuleTable, SeverityTable, SlotPathTable, TermTable};
use crate::testing::program;
use crate::x12::finding::Finding;
use crate::x12::judge::ItemDone;
use crate::x12::kind::Kind;
use crate::x12::reader::{Batch, Need, ReaderOptions, SetChoice, Unit, UnitKind, X12Reader};
use crate::x12::scan::CharacterSet;

const HEADER: &str =
    "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *240101*1200*^*00501*000000001*0*T*:~";
const GROUP: &str = "GS*HC*SENDER*RECEIVER*20240101*1200*1*X*005010XTEST~";
const TRAILER: &str = "GE*1*1~IEA*1*000000001~";
const BODY: &str = "BHT*0019*REF~HL*1**20*1~HL*2*1*22*0~CLM*A1*12.5**11:B:Y~DTP*472*D8*20240101~";

fn interchange(body: &str) -> String {
    let count = body.matches('~').count() + 2;
    format!("{HEADER}{GROUP}ST*837*0001*005010XTEST~{body}SE*{count}*0001~{TRAILER}")
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    findings: Vec<Finding>,
    items: Vec<ItemDone>,
    units: Vec<Unit>,
}

fn read_with(program: &Arc<Program>, chunks: &[&[u8]]) -> Seen {
    let mut reader = X12Reader::new(ReaderOptions::default());
    let mut seen = Seen::default();
    for chunk in chunks {
        let batch = reader.feed(chunk);
        drain(&mut reader, batch, program, &mut seen);
    }
    let batch = reader.finish();
    drain(&mut reader, batch, program, &mut seen);
    seen
}

fn drain(reader: &mut X12Reader, mut batch: Batch, program: &Arc<Program>, seen: &mut Seen) {
    loop {
        seen.findings.append(&mut batch.findings);
        seen.items.append(&mut batch.items);
        seen.units.append(&mut batch.units);
        batch = match batch.need {
            Need::Program => reader.resume(Some(SetChoice {
                program: Arc::clone(program),
                source_attributes: String::new(),
                document_prefix: "0.1.1.1.".into(),
                characters: CharacterSet::Extended,
                documents: false,
            })),
            Need::Output => reader.resume(None),
            Need::Input | Need::End => return,
        };
    }
}

fn read(text: &str) -> Seen {
    read_with(&program(vec![]), &[text.as_bytes()])
}

fn kinds(seen: &Seen) -> Vec<Kind> {
    seen.findings.iter().map(|finding| finding.kind).collect()
}

/// A clean interchange has no finding, one item, and three units in the order of their ends.
#[test]
fn a_clean_interchange() {
    let seen = read(&interchange(BODY));

    assert_eq!(kinds(&seen), vec![]);
    assert_eq!(seen.items.len(), 1);
    let ends: Vec<UnitKind> = seen.units.iter().map(|unit| unit.kind).collect();
    assert_eq!(ends, vec![UnitKind::Set, UnitKind::Group, UnitKind::Interchange]);
}

/// The item's context is the byte range of its control number in the stream.
#[test]
fn the_context_of_an_item() {
    let text = interchange(BODY);
    let seen = read(&text);
    let (start, end) = seen.items[0].context.unwrap_or_default();

    assert_eq!(&text.as_bytes()[start as usize..end as usize], b"A1");
}

/// Each fault in the body gives exactly its finding.
#[test]
fn faults_of_the_set() {
    let cases = [
        (BODY.replace("BHT*0019*REF~", ""), vec![Kind::RequiredSegmentMissing]),
        (BODY.replace("BHT*0019", "BHT*00190"), vec![Kind::TooLong]),
        (
            BODY.replace("HL*1**20*1~", "HL*2**20*1~"),
            vec![Kind::HierarchicalNumberWrong, Kind::HierarchicalNumberWrong, Kind::HierarchicalParentWrong],
        ),
        (BODY.replace("HL*2*1*22", "HL*2*7*22"), vec![Kind::HierarchicalParentWrong]),
        (BODY.replace("CLM*A1", "CLM*"), vec![Kind::RequiredElementMissing]),
        (BODY.replace("12.5", "12,5"), vec![Kind::InvalidCharacter]),
        (BODY.replace("12.5**", "12.5*X*"), vec![Kind::ElementNotUsed]),
        (BODY.replace("11:B:Y", "11:B:Q"), vec![Kind::InvalidCode]),
        (BODY.replace("11:B:Y", "11:B:Y:Z"), vec![Kind::TooManyComponents]),
        (BODY.replace("11:B:Y", "11:B:Y*A^B"), vec![]),
        (BODY.replace("11:B:Y", "11:B:Y*A^B^C"), vec![Kind::TooManyRepetitions]),
        (BODY.replace("11:B:Y", "11:B:Y*A*B"), vec![Kind::TooManyElements]),
        (BODY.replace("20240101", "20241301"), vec![Kind::InvalidDate]),
        (BODY.replace("DTP*472", "DTP*999"), vec![Kind::SegmentUnexpected]),
        (format!("{BODY}DTP*472*D8*20240102~"), vec![Kind::SegmentOverMaximum]),
        (format!("{BODY}NTE*X~"), vec![Kind::SegmentNotInSet]),
        (format!("{BODY}QQ*X~"), vec![Kind::SegmentUnrecognised]),
        (format!("{BODY}PRV*X~"), vec![Kind::SegmentOutOfSequence]),
        (format!("{BODY}HI*1~"), vec![Kind::ConditionalElementMissing]),
        (format!("{BODY}HI*1*2*~"), vec![Kind::TrailingSeparators]),
        (BODY.replace("A1", "A\u{1}"), vec![Kind::InvalidCharacter]),
        (
            BODY.replace("HL*2*1*22*0~CLM*A1*12.5**11:B:Y~DTP*472*D8*20240101~", ""),
            vec![Kind::RequiredLoopMissing, Kind::HierarchicalChildWrong],
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(kinds(&read(&interchange(&body))), expected, "{body}");
    }
}

/// Each fault of the envelope gives exactly its finding.
#[test]
fn faults_of_the_envelope() {
    let clean = interchange(BODY);
    let cases = [
        (clean.replace("SE*7", "SE*8"), vec![Kind::SegmentCountWrong]),
        (clean.replace("*0001~GE", "*0002~GE"), vec![Kind::SetControlMismatch]),
        (clean.replace("SE*7*0001~", ""), vec![Kind::SetTrailerMissing]),
        (clean.replace("GE*1*1~", "GE*2*1~"), vec![Kind::SetCountWrong]),
        (clean.replace("GE*1*1~", "GE*1*2~"), vec![Kind::GroupControlMismatch]),
        (clean.replace("GE*1*1~", "GE*1*001~"), vec![]),
        (clean.replace("GE*1*1~", ""), vec![Kind::GroupTrailerMissing]),
        (clean.replace("IEA*1", "IEA*2"), vec![Kind::GroupCountWrong]),
        (clean.replace("IEA*1*000000001", "IEA*1*000000002"), vec![Kind::InterchangeControlMismatch]),
        (clean.replace("IEA*1*000000001~", ""), vec![Kind::InterchangeTruncated]),
        (clean.replace("IEA*1*000000001~", "IEA*1*000000001"), vec![]),
        (clean.replace("~GE", "~NTE*A~NTE*B~GE"), vec![Kind::SegmentOutsideSet]),
        (clean.replace("*005010XTEST~BHT", "*005010XELSE~BHT"), vec![Kind::ImplementationMismatch]),
        (clean.replace("ST*837*0001", "ST*834*0001"), vec![Kind::SetNotInGroup]),
        (clean.replace("*240101*1200*^", "*241301*1200*^"), vec![Kind::InterchangeDateInvalid]),
        (clean.replace("*1*X*", "*A*X*"), vec![Kind::GroupControlInvalid, Kind::GroupControlMismatch]),
        (format!("\u{FEFF}\r\n{clean}"), vec![Kind::LeadingBytes]),
        (format!("{clean}\r\n  trailing"), vec![Kind::NotAnInterchange]),
        (format!("junk {clean}"), vec![Kind::NotAnInterchange]),
        (clean.replace("~DTP", "~~DTP"), vec![Kind::EmptySegment]),
    ];
    for (text, expected) in cases {
        assert_eq!(kinds(&read(&text)), expected, "{text}");
    }
}

/// A rule that balances says so exactly where the sums differ.
#[test]
fn a_balance_rule() {
    let amount = |elements: Vec<u16>| SlotPathTable {
        base: 3,
        loops: vec![],
        segments: vec![6],
        conditions: vec![],
        elements,
        component: 1,
    };
    let rule = RuleTable {
        id: "sums".into(),
        snip: 3,
        severity: SeverityTable::Error,
        carrier: "IK403:7".into(),
        anchor: 3,
        at: None,
        kind: RuleKindTable::Balance {
            when: vec![],
            left: vec![TermTable { sign: 1, value: amount(vec![2]) }],
            right: vec![TermTable { sign: 1, value: amount(vec![5]) }],
        },
    };
    let program = program(vec![rule]);
    let same = interchange(&BODY.replace("11:B:Y", "11:B:Y*8^4.5"));
    let other = interchange(&BODY.replace("11:B:Y", "11:B:Y*8^4.6"));

    assert_eq!(kinds(&read_with(&program, &[same.as_bytes()])), vec![]);
    let broken = read_with(&program, &[other.as_bytes()]);
    assert_eq!(kinds(&broken), vec![Kind::Rule]);
    assert_eq!((broken.findings[0].carrier(), broken.findings[0].code()), ("IK403", "7"));
}

/// Ten thousand faults cost no more memory than the cap, and are counted.
#[test]
fn many_findings_are_capped_and_counted() {
    let mut body = String::from(BODY);
    for _ in 0..10_000 {
        let _ = write!(body, "QQ*X~");
    }
    let seen = read(&interchange(&body));
    let set = &seen.units[0];

    assert_eq!((set.errors, set.suppressed, seen.findings.len()), (10_000, 9_000, 1_000));
}

/// A segment without end is refused, and what follows it is read.
#[test]
fn a_segment_without_end() {
    let long = format!("{BODY}NTE*{}~DTP*431*D8*20240101~", "X".repeat(3 << 20));
    let seen = read(&interchange(&long));

    assert_eq!(kinds(&seen), vec![Kind::SegmentTooLong]);
}

/// An item beyond its cap is reported once, in a way that rejects the set, and the rest is still judged.
#[test]
fn an_item_too_large() {
    let huge = format!("QQ*{}~", "X".repeat(900_000)).repeat(12);
    let seen = read(&interchange(&format!("{BODY}{huge}CLM*A2*12,5~CLM*A3*1~")));
    let too_large: Vec<&Finding> = seen.findings.iter().filter(|finding| finding.kind == Kind::ItemTooLarge).collect();

    assert_eq!(too_large.iter().map(|finding| finding.snip()).collect::<Vec<_>>(), vec![1]);
    assert_eq!(kinds(&seen).iter().filter(|kind| **kind == Kind::InvalidCharacter).count(), 1);
    assert_eq!(seen.items.len(), 3);
}

/// Several interchanges with different delimiters stand in one file.
#[test]
fn several_interchanges() {
    let other = interchange(BODY).replace('*', "|").replace('~', "\r").replace(':', ">");
    let seen = read(&format!("{}\r\n{other}\r\n", interchange(BODY)));

    assert_eq!(kinds(&seen), vec![]);
    assert_eq!(seen.items.iter().map(|item| item.interchange).collect::<Vec<_>>(), vec![1, 2]);
}

/// A binary element may hold delimiters and terminators.
#[test]
fn binary_data_is_counted() {
    let seen = read(&interchange(&format!("{BODY}BIN*7*~ISA*~S~")));

    // BIN is no segment of the test guide: one finding, and nothing inside it was split.
    assert_eq!(kinds(&seen), vec![Kind::SegmentUnrecognised, Kind::SegmentCountWrong]);
}

fn outcome(text: &[u8], cuts: &[usize]) -> Seen {
    let program = program(vec![]);
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    places.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for place in places {
        chunks.push(&text[from..place]);
        from = place;
    }
    chunks.push(&text[from..]);
    read_with(&program, &chunks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Cutting the stream anywhere changes nothing.
    #[test]
    fn any_chunking_is_equal(
        cuts in prop::collection::vec(0_usize..1000, 0..8),
        faulty in 0_usize..7,
    ) {
        let clean = interchange(BODY);
        let text = match faulty {
            0 => clean,
            1 => clean.replace("DTP*472", "DTP*999"),
            2 => clean.replace("IEA*1*000000001~", ""),
            3 => format!("\u{FEFF}{clean}{clean}"),
            4 => format!("junk{}", clean.replace('~', "~\r\n")),
            5 => clean.replace("CLM*A1", "BIN*5*~~~~~~CLM*A1"),
            _ => clean.replace("SE*7", "BIN*5*SE*7"),
        };
        let whole = outcome(text.as_bytes(), &[]);

        prop_assert_eq!(outcome(text.as_bytes(), &cuts), whole);
    }

    /// Any bytes get an answer, and one that does not depend on how they came.
    #[test]
    fn any_bytes(noise in prop::collection::vec(any::<u8>(), 0..400), cuts in prop::collection::vec(0_usize..400, 0..4)) {
        let whole = outcome(&noise, &[]);

        prop_assert!(!whole.findings.is_empty());
        prop_assert_eq!(outcome(&noise, &cuts), whole);
    }

    /// A valid interchange with bytes changed anywhere is read to its end.
    #[test]
    fn changed_bytes(changes in prop::collection::vec((0_usize..600, any::<u8>()), 1..10), cuts in prop::collection::vec(0_usize..600, 0..4)) {
        let mut text = interchange(BODY).into_bytes();
        for (at, byte) in changes {
            let at = at % text.len();
            text[at] = byte;
        }
        let whole = outcome(&text, &[]);

        prop_assert_eq!(outcome(&text, &cuts), whole);
    }
}
