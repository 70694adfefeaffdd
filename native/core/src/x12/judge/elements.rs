//! The elements of one segment: usage, repetition, composites, characters, syntax notes.

use super::{Output, SetJudge};
use crate::program::Program;
use crate::tables::{DataType, Usage};
use crate::x12::check;
use crate::x12::finding::Severity;
use crate::x12::guide::{Element, element_bit};
use crate::x12::kind::Kind;
use crate::x12::scan::Scanned;
use crate::x12::tree::Slot;

impl SetJudge {
    pub(super) fn check_segment(
        &self,
        program: &Program,
        target: u32,
        index: u32,
        scanned: &Scanned,
        out: &mut Output,
    ) {
        let definition = &program.guide.segments[target as usize];
        let slots = self.tree.slots_of(&self.tree.segments[index as usize]);
        let (mut rest, mut present) = (slots, 0_u64);
        while let Some(first) = rest.first() {
            let number = first.element;
            let count = rest.iter().skip(1).take_while(|slot| slot.element == number).count() + 1;
            let (own, after) = rest.split_at(count);
            let Some(element) = definition.elements.get(usize::from(number) - 1) else {
                self.report_element(program, Kind::TooManyElements, Severity::Error, index, (number, 0, 0), out);
                break;
            };
            present |= element_bit(number);
            self.check_element(program, element, number, own, index, out);
            rest = after;
        }
        let absent = definition.required & !present;
        let mut missing = absent;
        while missing != 0 {
            let at = (missing.trailing_zeros() as u16 + 1, 0, 0);
            self.report_element(program, Kind::RequiredElementMissing, Severity::Error, index, at, out);
            missing &= missing - 1;
        }
        for (at, note) in definition.syntax.iter().enumerate() {
            // An element reported as missing is not missed a second time by a note.
            if note.broken(present) && note.broken(present | absent) {
                self.report_syntax(program, target, at, present, index, out);
            }
        }
        if scanned.trailing_separator {
            self.report_segment(program, Kind::TrailingSeparators, Severity::Warning, index, "", out);
        }
        if scanned.suspicious {
            self.check_characters(program, &definition.elements, slots, index, out);
        }
    }

    pub(super) fn check_characters(
        &self,
        program: &Program,
        elements: &[Element],
        slots: &[Slot],
        index: u32,
        out: &mut Output,
    ) {
        for slot in slots {
            let binary = elements
                .get(usize::from(slot.element) - 1)
                .is_some_and(|element| element.data_type == DataType::Binary);
            if !binary && check::has_foreign_character(self.tree.value(slot), self.options.characters) {
                let at = (slot.element, slot.component, slot.repetition);
                self.report_element(program, Kind::InvalidCharacter, Severity::Error, index, at, out);
            }
        }
    }

    pub(super) fn check_element(
        &self,
        program: &Program,
        element: &Element,
        number: u16,
        own: &[Slot],
        index: u32,
        out: &mut Output,
    ) {
        if element.usage == Usage::NotUsed {
            self.report_element(
                program,
                Kind::ElementNotUsed,
                Severity::Error,
                index,
                (number, own[0].component, 0),
                out,
            );
            return;
        }
        let last = own.last().map_or(0, |slot| slot.repetition);
        if element.repeat != 0 && last >= element.repeat {
            let at = (number, own.last().map_or(1, |slot| slot.component), last);
            let finding = self
                .element_finding(program, Kind::TooManyRepetitions, Severity::Error, index, at)
                .detail(element.repeat.to_string());
            out.log.push(finding);
        }
        if element.components.is_empty() {
            for slot in own {
                if slot.component > 1 {
                    let at = (number, slot.component, slot.repetition);
                    self.report_element(program, Kind::TooManyComponents, Severity::Error, index, at, out);
                    break;
                }
                self.check_value(program, element, slot, index, element.format_by, out);
            }
        } else {
            let mut rest = own;
            while let Some(first) = rest.first() {
                let count = rest.iter().take_while(|slot| slot.repetition == first.repetition).count();
                let (group, after) = rest.split_at(count);
                self.check_composite(program, element, number, group, index, out);
                rest = after;
            }
        }
    }

    pub(super) fn check_composite(
        &self,
        program: &Program,
        element: &Element,
        number: u16,
        own: &[Slot],
        index: u32,
        out: &mut Output,
    ) {
        let repetition = own[0].repetition;
        let mut rest = own;
        for (at, component) in element.components.iter().enumerate() {
            let place = at as u16 + 1;
            match rest.first() {
                Some(slot) if slot.component == place => {
                    rest = &rest[1..];
                    if component.usage == Usage::NotUsed {
                        let at = (number, place, repetition);
                        self.report_element(program, Kind::ElementNotUsed, Severity::Error, index, at, out);
                    } else {
                        self.check_value(program, component, slot, index, 0, out);
                        self.check_component_format(program, component, slot, own, index, out);
                    }
                }
                _ if component.usage == Usage::Required => {
                    let at = (number, place, repetition);
                    self.report_element(program, Kind::RequiredElementMissing, Severity::Error, index, at, out);
                }
                _ => {}
            }
        }
        if let Some(extra) = rest.first() {
            let at = (number, extra.component, repetition);
            self.report_element(program, Kind::TooManyComponents, Severity::Error, index, at, out);
        }
    }

    /// HI01-3 says how HI01-4 is to be read, within the same composite.
    pub(super) fn check_component_format(
        &self,
        program: &Program,
        component: &Element,
        slot: &Slot,
        own: &[Slot],
        index: u32,
        out: &mut Output,
    ) {
        if component.format_by == 0 {
            return;
        }
        if let Some(qualifier) = own.iter().find(|other| other.component == component.format_by) {
            self.check_formatted(program, component, slot, index, Some(self.tree.value(qualifier)), out);
        }
    }

    pub(super) fn check_value(
        &self,
        program: &Program,
        element: &Element,
        slot: &Slot,
        index: u32,
        format_by: u16,
        out: &mut Output,
    ) {
        let format = match format_by {
            0 => None,
            by => Some(self.tree.get(index, by, 0, 1)),
        };
        self.check_formatted(program, element, slot, index, format, out);
    }

    pub(super) fn check_formatted(
        &self,
        program: &Program,
        element: &Element,
        slot: &Slot,
        index: u32,
        format: Option<&[u8]>,
        out: &mut Output,
    ) {
        check::value(element, self.tree.value(slot), format, &program.code_sets, &mut |(kind, limit)| {
            let severity = match kind {
                Kind::TrailingBlanks => Severity::Warning,
                _ => Severity::Error,
            };
            let at = (slot.element, slot.component, slot.repetition);
            let mut finding = self.element_finding(program, kind, severity, index, at);
            if let Some(limit) = limit {
                finding = finding.detail(limit.to_string());
            }
            out.log.push(finding);
        });
    }
}
