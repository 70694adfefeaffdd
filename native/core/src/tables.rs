//! The compiled definitions of one guide: what the walker, the checks, the rules and the map read.
//!
//! The tables are made by `gateway.definitions` and arrive as `MessagePack` maps with named fields. Unknown
//! fields are refused and every index is checked once, in [`crate::program`], so that the hot loops may
//! index without looking. Nothing here knows a file format of definitions, a partner or a message.

use serde::Deserialize;

use crate::map::tables::MappingTable;

/// The version of this layout; a digest of the bytes is the version of the definitions.
pub const FORMAT: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    pub format: u32,
    pub guide: GuideTable,
    pub code_sets: Vec<CodeSetTable>,
    pub rules: Vec<RuleTable>,
    pub mapping: Option<MappingTable>,
}

/// One implementation guide, from `ST` to `SE`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuideTable {
    /// GS08 and ST03, for example `005010X222A1`.
    pub id: String,
    /// ST01, for example `837`.
    pub transaction_set: String,
    /// GS01, for example `HC`.
    pub functional_group: String,
    /// Loop 0 is the transaction set itself: its first segment is `ST`, its last `SE`.
    pub loops: Vec<LoopTable>,
    pub segments: Vec<SegmentTable>,
    /// The unit that can be accepted or rejected alone and that becomes one document (claim, member).
    pub item: Option<ItemTable>,
    /// Every segment id of the standard's dictionary: tells IK304 1 (unrecognised) from 6 (not in this set).
    pub known_segments: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Usage {
    #[serde(rename = "R")]
    Required,
    #[serde(rename = "S")]
    Situational,
    #[serde(rename = "N")]
    NotUsed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoopTable {
    /// For example `2010AA`; wrappers without an identity in the guide keep their map name (`HEADER`).
    pub id: String,
    pub name: String,
    /// Index of the enclosing loop; loop 0 has none.
    pub parent: Option<u32>,
    pub usage: Usage,
    /// 0 = no limit.
    pub repeat: u32,
    /// Order among the children of the parent; equal positions may come in any order.
    pub position: u32,
    /// Segments and loops by position, then by their order in the guide.
    pub children: Vec<ChildTable>,
    /// A wrapper (`HEADER`, `DETAIL`) groups loops and has no trigger segment of its own.
    pub wrapper: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ChildTable {
    #[serde(rename = "loop")]
    Loop(u32),
    #[serde(rename = "segment")]
    Segment(u32),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentTable {
    pub id: String,
    pub name: String,
    pub parent: u32,
    pub usage: Usage,
    /// 0 = no limit.
    pub max_use: u32,
    pub position: u32,
    /// The element whose codes tell this use of the segment from its siblings (REF01, HI01-1, HL03).
    pub key: Option<KeyTable>,
    pub elements: Vec<ElementTable>,
    pub syntax: Vec<SyntaxTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyTable {
    /// From 1.
    pub element: u16,
    /// From 1; 1 for a simple element.
    pub component: u16,
    pub code_set: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum DataType {
    /// String.
    #[serde(rename = "AN")]
    Text,
    /// Identifier from a code list.
    #[serde(rename = "ID")]
    Identifier,
    /// Decimal with an explicit point.
    #[serde(rename = "R")]
    Decimal,
    /// Integer with implied decimals.
    #[serde(rename = "N")]
    Numeric,
    #[serde(rename = "DT")]
    Date,
    #[serde(rename = "TM")]
    Time,
    /// Binary; no character check.
    #[serde(rename = "B")]
    Binary,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElementTable {
    /// The data element or composite number, for example `1325` or `C022`; IK402 carries it.
    pub data_element: String,
    pub name: String,
    pub usage: Usage,
    pub data_type: DataType,
    pub min_length: u32,
    pub max_length: u32,
    pub code_set: Option<u32>,
    /// A regular expression the whole value must match (IK403 I12).
    pub pattern: Option<String>,
    /// 1 = no repetition, 0 = no limit.
    pub repeat: u32,
    /// The position (from 1, in the same segment or composite) of the qualifier that gives the format of
    /// this value: data element 1250 (D8, RD8, TM, DT...) for 1251. 0 = none.
    pub format_by: u16,
    /// Empty for a simple element.
    pub components: Vec<ElementTable>,
}

/// X12.6 syntax note, section 3.7 (P, R, E, C, L); in effect only when the segment is present.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntaxTable {
    /// `P`, `R`, `E`, `C` or `L`.
    pub kind: char,
    /// Element positions from 1.
    pub elements: Vec<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemTable {
    /// For example `claim` or `member`.
    pub kind: String,
    /// Loops any instance of which is one item.
    pub loops: Vec<u32>,
    /// CTX01-1 of the 999 for a finding in this item, for example `CLM01`.
    pub context_name: String,
    /// The segment nodes (one for each item loop) and the element whose value is CTX01-2.
    pub context_segments: Vec<u32>,
    pub context_element: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSetTable {
    pub id: String,
    pub codes: Vec<String>,
}

/// A rule beyond the grammar of the guide (SNIP types 3 to 7).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTable {
    pub id: String,
    pub snip: u8,
    pub severity: SeverityTable,
    /// `IK403:7` or empty where no 999 code carries it.
    pub carrier: String,
    /// The loop whose every instance is judged, when it closes.
    pub anchor: u32,
    /// The slot that the finding points to; its first instance, else the anchor's trigger segment.
    pub at: Option<SlotPathTable>,
    pub kind: RuleKindTable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SeverityTable {
    #[serde(rename = "error")]
    Error,
    #[serde(rename = "warning")]
    Warning,
    #[serde(rename = "info")]
    Info,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum RuleKindTable {
    /// The signed sums of both sides are equal; no finding where `when` does not hold or `left` is absent.
    #[serde(rename = "balance")]
    Balance { when: Vec<ConditionTable>, left: Vec<TermTable>, right: Vec<TermTable> },
    /// Where all of `when` hold, all of `then` must.
    #[serde(rename = "requires")]
    Requires { when: Vec<ConditionTable>, then: Vec<ConditionTable> },
    /// Where all of `when` hold, none of `then` may.
    #[serde(rename = "forbids")]
    Forbids { when: Vec<ConditionTable>, then: Vec<ConditionTable> },
    /// Every value of the slot is in the code set.
    #[serde(rename = "codes")]
    Codes { value: SlotPathTable, code_set: u32 },
    /// A named check over every value of the slots.
    #[serde(rename = "check")]
    Check { check: CheckTable, values: Vec<SlotPathTable> },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermTable {
    /// 1 or -1.
    pub sign: i8,
    pub value: SlotPathTable,
}

/// True where a value of the slot exists and (`any_of` empty or the value is in it), turned round by `negated`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionTable {
    pub value: SlotPathTable,
    pub any_of: Vec<String>,
    pub negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum CheckTable {
    /// National Provider Identifier: ten digits, Luhn over `80840` + value.
    #[serde(rename = "npi")]
    Npi,
    /// Each value (date or the end of a range) is not before the one of the slot before it.
    #[serde(rename = "dates_in_order")]
    DatesInOrder,
    /// Each value of slot 1 (a number from 1) is at most the number of values in slot 2.
    #[serde(rename = "pointer_exists")]
    PointerExists,
    /// No value of the slot occurs twice.
    #[serde(rename = "unique")]
    Unique,
    /// The values of slot 1, over the anchor, are 1, 2, 3 ... (LX01).
    #[serde(rename = "sequence")]
    Sequence,
    /// The date of slot 1 is not after the reader's `today`.
    #[serde(rename = "not_in_future")]
    NotInFuture,
}

/// The way from a loop instance to values: up to `base`, down through every instance of `loops`, to every
/// segment bound to one of `segments` whose conditions hold, to every repetition of one component.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotPathTable {
    /// The anchor or an enclosing loop of it.
    pub base: u32,
    /// One level each, from a direct child of `base` on.
    pub loops: Vec<u32>,
    pub segments: Vec<u32>,
    pub conditions: Vec<SlotConditionTable>,
    /// From 1; several where the value repeats over elements (CAS03, CAS06, ...). Empty = the segment itself.
    pub elements: Vec<u16>,
    /// From 1; 0 = any.
    pub component: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotConditionTable {
    pub element: u16,
    pub component: u16,
    pub any_of: Vec<String>,
}
