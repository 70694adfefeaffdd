//! Any bytes as compiled definitions: refused or accepted, never a panic.

#![no_main]

use gateway_core::program::Program;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Program::compile(data);
});
