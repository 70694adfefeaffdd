//! Tree to canonical XML.

use crate::map::context::{DocumentContext, ValueCounts};
use crate::map::program::Mapping;
use crate::x12::tree::Tree;

/// Writes documents; keeps what documents of one set share.
#[derive(Debug, Default)]
pub struct Renderer {
    counts: ValueCounts,
}

impl Renderer {
    pub fn new() -> Self {
        Self::default()
    }

    /// A set begins: nothing rendered before holds, counts start at zero.
    pub fn reset(&mut self) {
        self.counts = ValueCounts::default();
    }

    /// This loop instance and all behind it are about to be dropped from the tree.
    pub fn forget_from(&mut self, _loop_instance: u32) {}

    pub fn counts(&self) -> ValueCounts {
        self.counts
    }

    /// Appends the document of the item in `item_loop`.
    pub fn write_document(
        &mut self,
        _out: &mut Vec<u8>,
        _mapping: &Mapping,
        _tree: &Tree,
        _context: &DocumentContext,
        _item_loop: u32,
    ) {
    }

    /// Appends the one document of a set without items: source and header.
    pub fn write_set_document(
        &mut self,
        _out: &mut Vec<u8>,
        _mapping: &Mapping,
        _tree: &Tree,
        _context: &DocumentContext,
    ) {
    }

    /// Appends the document of a context loop that closed without an item inside.
    pub fn write_remainder(
        &mut self,
        _out: &mut Vec<u8>,
        _mapping: &Mapping,
        _tree: &Tree,
        _context: &DocumentContext,
        _loop_instance: u32,
    ) {
    }
}
