//! The limit that `make bench` measures against: splits a file into segments and elements, and does nothing else.
//!
//! `cargo run --release --example bare_tokenizer -- FILE ROUNDS` prints bytes, segments, elements and the CPU
//! seconds of one round.

use std::{env, fs, process::ExitCode};

#[allow(clippy::print_stdout, reason = "a bench program reports on standard output")]
fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let [_, path, rounds] = arguments.as_slice() else { return ExitCode::FAILURE };
    let (Ok(data), Ok(rounds)) = (fs::read(path), rounds.parse::<u32>()) else { return ExitCode::FAILURE };
    if data.len() < 106 {
        return ExitCode::FAILURE;
    }
    let (separator, terminator) = (data[3], data[105]);
    let before = cpu_seconds();
    let (mut segments, mut elements) = (0_u64, 0_u64);
    for _ in 0..rounds {
        (segments, elements) = (0, 0);
        let mut fields: Vec<(u32, u32)> = Vec::with_capacity(64);
        let mut start = 0;
        for (at, byte) in data.iter().enumerate() {
            if *byte == separator || *byte == terminator {
                fields.push((start as u32, at as u32));
                start = at + 1;
                if *byte == terminator {
                    segments += 1;
                    elements += fields.len() as u64;
                    fields.clear();
                }
            }
        }
    }
    let seconds = (cpu_seconds() - before) / f64::from(rounds);
    println!("{} {segments} {elements} {seconds:.6}", data.len());
    ExitCode::SUCCESS
}

/// CPU seconds of this thread so far, from the scheduler's own count of nanoseconds.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).map_or(0.0, |nanoseconds| nanoseconds / 1e9)
}
