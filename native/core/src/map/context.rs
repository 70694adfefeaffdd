//! What a document says of its origin, handed over by the reader: envelope values and ordinals.

/// The origin of one document. Segments are element values with the segment id at index 0, as received.
#[derive(Debug, Clone, Copy)]
pub struct DocumentContext<'a> {
    /// `claim`, `member`; the two other kinds (`set`, `remainder`) are set by the call.
    pub kind: &'a str,
    /// The document id, for example `0.1.1.1.7`.
    pub id: &'a str,
    /// GS08 of the guide that judged it.
    pub guide: &'a str,
    /// Escaped attributes for `<source>`, given by Python; empty or beginning without a blank.
    pub source_attributes: &'a str,
    pub interchange: &'a [Vec<u8>],
    pub group: &'a [Vec<u8>],
    pub set: &'a [Vec<u8>],
    /// From 1.
    pub interchange_ordinal: u64,
    pub group_ordinal: u64,
    pub set_ordinal: u64,
    /// From 1 in the set; for a remainder the ordinal that its id carries; 0 in a document of kind `set`.
    pub item_ordinal: u64,
}

/// How many values of a set went where; the context of an item counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ValueCounts {
    /// In an attribute.
    pub named: u64,
    /// Not written because the guide, HL/LX numbering or a condition of the table says it.
    pub dictated: u64,
    /// In `other`.
    pub other: u64,
}
