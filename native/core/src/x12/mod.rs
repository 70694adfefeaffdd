//! X12: from bytes to findings, units, items and documents, in one pass over the stream.
//!
//! `scan` finds segments and values, `envelope` knows ISA, GS, GE and IEA, `walk` places segments in the
//! guide, `check` judges elements, `rules` what lies beyond the grammar, `reader` conducts them.

pub mod check;
pub mod decimal;
pub mod envelope;
pub mod finding;
pub mod guide;
pub mod judge;
pub mod kind;
pub mod reader;
pub mod rules;
pub mod scan;
pub mod tree;
pub mod ways;

#[cfg(test)]
mod tests;
