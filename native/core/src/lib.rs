//! Scan, walk, judge and map: the hot loops of the gateway. No I/O, no clock, no randomness, no Python.
//!
//! `tables` is what the definitions compile to, `program` the same checked and indexed for the loops,
//! `x12` reads a stream of interchanges, `map` writes canonical XML and reads it back.

pub mod map;
pub mod program;
pub mod tables;
pub mod x12;

#[cfg(any(test, fuzzing))]
pub mod testing;

/// The version that the Python package is built with.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
