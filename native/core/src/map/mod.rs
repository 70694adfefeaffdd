//! The two-way mapping: a tree of segments to canonical XML and back, by one table.
//!
//! Knows no guide, no partner and no envelope beyond what its caller hands over. `docs/mapping-language.md` has
//! the language; `gateway.definitions.mapping` compiles it.

mod codec;
pub mod context;
mod labels;
mod outline;
mod plan;
pub mod program;
pub mod read;
pub mod tables;
#[cfg(test)]
mod tests;
mod text;
pub mod write;
