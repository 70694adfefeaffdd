//! What rules wrote and what they left, put together: every rest at the end of the element that owns it.

use crate::map::read::rules::Scratch;

/// An element that owns a loop or segment: what is left of that is inserted at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    /// Of its end tag in the body, or of `/>`.
    pub offset: usize,
    pub is_closed: bool,
    pub name: (usize, usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub owner: u32,
    pub start: usize,
    pub end: usize,
}

impl Scratch {
    /// Appends the body from `start` to `end` with every chunk at the end of its owner.
    pub fn splice(&mut self, out: &mut Vec<u8>, start: usize, end: usize) {
        let Self { body, residue, chunks, owners, .. } = self;
        let offset = |chunk: &Chunk| owners.get(chunk.owner as usize).map_or(usize::MAX, |owner| owner.offset);
        chunks.sort_by_key(offset);
        let mut at = start;
        let mut index = chunks.partition_point(|chunk| offset(chunk) < start);
        while let Some(owner) = chunks.get(index).and_then(|chunk| owners.get(chunk.owner as usize)) {
            if owner.offset >= end {
                break;
            }
            out.extend_from_slice(&body[at..owner.offset]);
            at = owner.offset;
            if owner.is_closed {
                out.push(b'>');
            }
            while let Some(chunk) = chunks.get(index).filter(|chunk| offset(chunk) == owner.offset) {
                out.extend_from_slice(&residue[chunk.start..chunk.end]);
                index += 1;
            }
            if owner.is_closed {
                out.extend_from_slice(b"</");
                out.extend_from_slice(&body[owner.name.0..owner.name.1]);
                out.push(b'>');
                at += 2;
            }
        }
        out.extend_from_slice(&body[at..end]);
    }
}
