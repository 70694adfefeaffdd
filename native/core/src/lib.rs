//! Scan, walk, judge and map: no I/O, no clock, no Python.

/// The version that the Python package is built with.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
