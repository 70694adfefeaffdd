//! Canonical XML of one set back to its segments.

use crate::map::program::Mapping;

/// Delimiters and control number of the set to write.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    pub control_number: Vec<u8>,
    pub element_separator: u8,
    pub component_separator: u8,
    pub repetition_separator: u8,
    pub segment_terminator: u8,
    pub line_end: Vec<u8>,
}

#[derive(Debug)]
pub struct Generated {
    /// From ST to SE, terminators included.
    pub text: Vec<u8>,
    pub segment_count: u64,
    /// Element paths that the table does not know, and why each was not written.
    pub unwritten: Vec<String>,
}

/// Why documents cannot become a set; the text names element paths, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateError(pub String);

/// `documents` has a `<document>` or a `<documents>` as its root.
pub fn generate(
    _mapping: &Mapping,
    _documents: &[u8],
    _options: &GenerateOptions,
) -> Result<Generated, GenerateError> {
    Err(GenerateError("not built yet".into()))
}
