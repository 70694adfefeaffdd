//! Draft segments as text, with the delimiters of the set.

use crate::map::labels::{push_number, push_slot};
use crate::map::outline::{Numbered, Outline};
use crate::map::write::draft::{Child, Draft, DraftSegment};
use crate::map::write::{GenerateError, GenerateOptions};
use crate::x12::tree::NONE;

pub(super) struct Emitter<'a> {
    pub options: &'a GenerateOptions,
    pub outline: &'a Outline,
    pub out: Vec<u8>,
    pub count: u64,
}

impl Emitter<'_> {
    /// A loop with everything inside; `line` is its number among its kind, for its LX.
    pub fn whole_loop(&mut self, draft: &Draft, at: usize, line: u64) -> Result<(), GenerateError> {
        let mut lines: Vec<(u32, u64)> = Vec::new();
        for child in &draft.loops[at].children {
            match child {
                Child::Segment(segment) => self.segment(&draft.segments[*segment], line)?,
                Child::Loop(child) => {
                    let node = draft.loops[*child].node;
                    let line = match lines.iter_mut().find(|(of, _)| *of == node) {
                        Some((_, line)) => {
                            *line += 1;
                            *line
                        }
                        None => {
                            lines.push((node, 1));
                            1
                        }
                    };
                    self.whole_loop(draft, *child, line)?;
                }
            }
        }
        Ok(())
    }

    pub fn segment(&mut self, segment: &DraftSegment, line: u64) -> Result<(), GenerateError> {
        let mut number = Vec::new();
        let is_line = segment.node != NONE
            && self.outline.segments[segment.node as usize].numbered == Numbered::Line
            && !segment.values.iter().any(|value| value.element == 1)
            && !segment.absent.contains(&(1, 1));
        if is_line {
            push_number(&mut number, line);
        }
        self.begin(&segment.id)?;
        let (mut element, mut repetition, mut component) = (0, 0, 1);
        if !number.is_empty() {
            self.out.push(self.options.element_separator);
            self.out.extend_from_slice(&number);
            element = 1;
        }
        for value in &segment.values {
            if value.element != element {
                let separators = usize::from(value.element - element);
                self.out.resize(self.out.len() + separators, self.options.element_separator);
                (element, repetition, component) = (value.element, 0, 1);
            }
            if value.repetition != repetition {
                let separators = usize::from(value.repetition - repetition);
                self.out.resize(self.out.len() + separators, self.options.repetition_separator);
                (repetition, component) = (value.repetition, 1);
            }
            let separators = usize::from(value.component - component);
            self.out.resize(self.out.len() + separators, self.options.component_separator);
            component = value.component;
            self.value(segment, &value.bytes, (value.element, value.repetition, value.component))?;
        }
        self.end();
        Ok(())
    }

    fn value(&mut self, segment: &DraftSegment, bytes: &[u8], slot: (u16, u16, u16)) -> Result<(), GenerateError> {
        let options = self.options;
        let delimiter = match memchr::memchr3(
            options.element_separator,
            options.component_separator,
            options.segment_terminator,
            bytes,
        ) {
            Some(at) if bytes[at] == options.element_separator => "element separator",
            Some(at) if bytes[at] == options.component_separator => "component separator",
            Some(_) => "segment terminator",
            None if memchr::memchr(options.repetition_separator, bytes).is_some() => "repetition separator",
            None => {
                self.out.extend_from_slice(bytes);
                return Ok(());
            }
        };
        let mut name = match self.outline.segments.get(segment.node as usize) {
            Some(place) => {
                let mut name = self.outline.loops[place.parent as usize].id.to_vec();
                name.push(b'/');
                name.extend_from_slice(&place.id);
                name
            }
            None => b"a segment without a place, element ".to_vec(),
        };
        push_slot(&mut name, slot.0, slot.1, slot.2);
        Err(GenerateError(format!("{}: the value contains the {delimiter}", String::from_utf8_lossy(&name))))
    }

    pub fn begin(&mut self, id: &[u8]) -> Result<(), GenerateError> {
        let options = self.options;
        let is_split = id.is_empty()
            || id.iter().any(|byte| *byte == options.element_separator || *byte == options.segment_terminator);
        if is_split {
            return Err(GenerateError("a segment id that contains a delimiter, or none".into()));
        }
        self.out.extend_from_slice(id);
        Ok(())
    }

    pub fn end(&mut self) {
        self.out.push(self.options.segment_terminator);
        self.out.extend_from_slice(&self.options.line_end);
        self.count += 1;
    }
}
