//! One mapping table, compiled: which slot of a guide each attribute of the canonical XML lives in.
//!
//! Made by `gateway.definitions.mapping` from `mappings/x12/<guide>.toml`, read in both directions. Every path
//! is resolved to node indexes of the guide; wrapper loops (`HEADER`, `DETAIL`) never occur in `loops`.

use serde::Deserialize;

use crate::map::plan::BodyPlan;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingTable {
    /// Translations of codes to words, referred to by index.
    pub codes: Vec<CodeTable>,
    /// The rules of `<header>`, on the set loop.
    pub set: BodyTable,
    pub item: Option<ItemBlockTable>,
}

/// A bijection between codes as sent and words of the canonical XML; other codes pass as they are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeTable {
    pub id: String,
    /// (code, word).
    pub pairs: Vec<(String, String)>,
}

/// The element of one item (claim, member), bound to every instance of the branch's loop.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemBlockTable {
    pub element: String,
    /// The attribute that says which branch was taken; `None` where there is one branch.
    pub tag: Option<String>,
    pub branches: Vec<ItemBranchTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemBranchTable {
    /// The value of the tag.
    pub value: Option<String>,
    /// The item loop, one of the guide's `item.loops`.
    #[serde(rename = "loop")]
    pub loop_node: u32,
    pub body: BodyTable,
}

/// What an element holds: rules in order of priority.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyTable {
    /// Values written with the element that neither an attribute nor the guide gives (LS01).
    pub constants: Vec<ConstantTable>,
    pub attributes: Vec<AttributeTable>,
    pub blocks: Vec<BlockTable>,
    /// Computed when the mapping is compiled.
    #[serde(skip)]
    pub(crate) plan: BodyPlan,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantTable {
    pub slot: SlotTable,
    pub value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeTable {
    pub name: String,
    pub slot: SlotTable,
    pub codec: CodecTable,
    /// Written where an item without `at` (born downstream) lacks the attribute.
    pub default: Option<String>,
    /// A copy for convenience: read, never written, claims nothing.
    pub derived: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum CodecTable {
    #[serde(rename = "text")]
    Text,
    /// CCYYMMDD <-> CCYY-MM-DD.
    #[serde(rename = "date")]
    Date,
    /// HHMM[SS] <-> HH:MM[:SS].
    #[serde(rename = "time")]
    Time,
    /// The value by the format qualifier in `qualifier` (an element position from 1): D8, RD8, TM, DT.
    #[serde(rename = "period")]
    Period { qualifier: u16 },
    /// Index into `codes`.
    #[serde(rename = "code")]
    Code { table: u32 },
}

/// A child element.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockTable {
    pub element: String,
    /// `each`: one element for every unit; else (`from`) at most one, left out when it would be empty.
    pub many: bool,
    pub tag: Option<String>,
    pub branches: Vec<BranchTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BranchTable {
    /// The value of the tag.
    pub value: Option<String>,
    pub unit: UnitTable,
    pub body: BodyTable,
}

/// The way from the current loop instance to another loop and, where given, to a segment in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// Up to the nearest instance of this loop: the current one or one that encloses it.
    pub base: u32,
    /// Then down, one level each; the last may repeat in an `each`, the first instance is taken of the others.
    pub loops: Vec<u32>,
    /// Then the segment: any bound to one of these nodes. Empty = the loop itself.
    pub segments: Vec<u32>,
    /// Conditions when reading, constants when writing.
    pub conditions: Vec<ConditionTable>,
    /// The children of `base`, by rank, one of which must be there for the route to lead anywhere; computed when
    /// the mapping is compiled.
    #[serde(skip)]
    pub(crate) wanted: u128,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionTable {
    /// From 1; 0 = the current composite (only in a slot's own conditions).
    pub element: u16,
    /// From 1.
    pub component: u16,
    pub any_of: Vec<String>,
}

/// What an element is bound to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitTable {
    /// `None` = the unit of the enclosing element (a group of attributes, or positions of its segment).
    pub route: Option<RouteTable>,
    pub part: PartTable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum PartTable {
    /// The loop or the segment that the route leads to.
    #[serde(rename = "whole")]
    Whole,
    /// One composite: `SV1/01`.
    #[serde(rename = "composite")]
    Composite { element: u16 },
    /// Composites side by side: `HI/01..12`.
    #[serde(rename = "composites")]
    Composites { first: u16, last: u16 },
    /// Groups of simple elements: `CAS/02..19+3`.
    #[serde(rename = "groups")]
    Groups { first: u16, last: u16, step: u16 },
    /// The repetitions of one element: `DMG/05*`.
    #[serde(rename = "repetitions")]
    Repetitions { element: u16 },
}

/// One simple element or component. `route` is `None` inside a segment, composite or group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotTable {
    pub route: Option<RouteTable>,
    pub place: PlaceTable,
    /// Further conditions on the current segment, or (element 0) on the current composite.
    pub conditions: Vec<ConditionTable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum PlaceTable {
    /// `02`, `05-3`: counted from the segment's first element, both from 1.
    #[serde(rename = "element")]
    Element { element: u16, component: u16 },
    /// `+1`: from the first element of the group, from 0.
    #[serde(rename = "offset")]
    Offset { offset: u16, component: u16 },
    /// `-2`: of the current composite, from 1.
    #[serde(rename = "component")]
    Component { component: u16 },
}
