//! Any bytes, cut anywhere: the reader ends, never panics, and says the same whatever the cuts.
//!
//! The first byte chooses the size of the chunks; the rest is the stream.

#![no_main]

use std::sync::Arc;

use gateway_core::testing::program;
use gateway_core::x12::finding::Finding;
use gateway_core::x12::reader::{Batch, Need, ReaderOptions, SetChoice, Unit, X12Reader};
use gateway_core::x12::scan::CharacterSet;
use libfuzzer_sys::fuzz_target;

fn drain(reader: &mut X12Reader, mut batch: Batch, seen: &mut (Vec<Finding>, Vec<Unit>)) {
    loop {
        seen.0.append(&mut batch.findings);
        seen.1.append(&mut batch.units);
        batch = match batch.need {
            Need::Program => reader.resume(Some(SetChoice {
                program: Arc::clone(&PROGRAM.with(Arc::clone)),
                source_attributes: String::new(),
                document_prefix: String::new(),
                characters: CharacterSet::Extended,
                documents: false,
            })),
            Need::Output => reader.resume(None),
            Need::Input | Need::End => return,
        };
    }
}

thread_local! {
    static PROGRAM: Arc<gateway_core::program::Program> = program(vec![]);
}

fn read(stream: &[u8], chunk: usize) -> (Vec<Finding>, Vec<Unit>) {
    let mut reader = X12Reader::new(ReaderOptions::default());
    let mut seen = (Vec::new(), Vec::new());
    for piece in stream.chunks(chunk) {
        let batch = reader.feed(piece);
        drain(&mut reader, batch, &mut seen);
    }
    let batch = reader.finish();
    drain(&mut reader, batch, &mut seen);
    seen
}

fuzz_target!(|data: &[u8]| {
    let Some((first, stream)) = data.split_first() else { return };
    let whole = read(stream, stream.len().max(1));

    assert!(!whole.0.is_empty() || !whole.1.is_empty());
    assert_eq!(read(stream, usize::from(*first).max(1)), whole);
});
