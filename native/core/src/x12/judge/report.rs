//! Findings of a set: the place, the names from the guide, the byte range of the value.

use std::sync::Arc;

use super::{Output, SetJudge, absolute, loop_id};
use crate::program::Program;
use crate::x12::finding::{Finding, Place, Severity, Trigger};
use crate::x12::guide::element_bit;
use crate::x12::kind::Kind;
use crate::x12::rules::{Broken, Counts, Evidence};
use crate::x12::tree::NONE;

impl SetJudge {
    pub(super) fn place(&self) -> Place {
        Place {
            interchange: self.ordinals.interchange,
            group: Some(self.ordinals.group),
            set: Some(self.ordinals.set),
            item: self.item.as_ref().map(|item| item.ordinal),
            ..Place::default()
        }
    }

    pub(super) fn report_missing(
        &self,
        program: &Program,
        kind: Kind,
        of: u32,
        segment: u32,
        position: u32,
        out: &mut Output,
    ) {
        let guide = &program.guide.table;
        let place = Place {
            segment: Some(guide.segments[segment as usize].id.as_str().into()),
            position: Some(position),
            loop_id: loop_id(guide, of),
            ..self.place()
        };
        let mut finding = Finding::new(kind, Severity::Error, place);
        finding.name = Some(match kind {
            Kind::RequiredLoopMissing => guide.loops[of as usize].name.as_str().into(),
            _ => guide.segments[segment as usize].name.as_str().into(),
        });
        out.log.push(finding);
    }

    pub(super) fn judge_rules(&mut self, program: &Program, node: u32, instance: u32, out: &mut Output) {
        let mut broken = std::mem::take(&mut self.broken);
        let evidence = Evidence {
            tree: &self.tree,
            counts: Counts { segments: &self.segment_counts, loops: &self.loop_counts },
            code_sets: &program.code_sets,
            today: &self.options.today,
        };
        program.rules.judge(&evidence, node, instance, &mut broken);
        for found in broken.drain(..) {
            if found.segment != NONE {
                out.log.push_with(found.mark.severity, || self.rule_finding(program, &found));
            }
        }
        self.broken = broken;
    }

    pub(super) fn rule_finding(&self, program: &Program, found: &Broken) -> Finding {
        let at = match found.slot {
            NONE => (0, 0, 0),
            slot => {
                let slot = &self.tree.slots[slot as usize];
                (slot.element, slot.component, slot.repetition)
            }
        };
        let mut finding = self.element_finding(program, Kind::Rule, found.mark.severity, found.segment, at);
        if found.slot == NONE {
            finding.place.element = None;
        }
        if let Some(missing) = found.missing {
            self.point_to_missing(program, missing, found.segment, &mut finding);
        }
        finding.rule = Some(Arc::clone(&found.mark));
        finding.trigger = found.trigger.map(|(segment, slot)| {
            let instance = &self.tree.segments[segment as usize];
            let (element, component) = match slot {
                NONE => (0, 0),
                slot => (self.tree.slots[slot as usize].element, self.tree.slots[slot as usize].component),
            };
            Trigger {
                segment: String::from_utf8_lossy(self.tree.id(instance)).into(),
                position: instance.position,
                element,
                component,
            }
        });
        finding
    }

    /// The finding names the segment that a rule misses, where it would stand in the anchor's loop.
    pub(super) fn point_to_missing(&self, program: &Program, missing: u32, anchor_segment: u32, finding: &mut Finding) {
        let guide = &program.guide.table;
        let segment = &guide.segments[missing as usize];
        let anchor = self.tree.segments[anchor_segment as usize].parent;
        let before = (anchor != NONE)
            .then(|| {
                self.tree
                    .segments_in(anchor)
                    .map(|index| &self.tree.segments[index as usize])
                    .take_while(|other| {
                        guide.segments.get(other.node as usize).is_none_or(|node| node.position <= segment.position)
                    })
                    .last()
            })
            .flatten();
        finding.place.segment = Some(segment.id.as_str().into());
        finding.place.position = before.map(|before| before.position + 1).or(finding.place.position);
        finding.place.loop_id = loop_id(guide, segment.parent);
        finding.place.element = None;
        finding.place.component = None;
        finding.place.repetition = None;
        finding.data_element = None;
        finding.name = Some(segment.name.as_str().into());
        finding.value = None;
    }

    pub(super) fn report_segment(
        &self,
        program: &Program,
        kind: Kind,
        severity: Severity,
        index: u32,
        detail: &str,
        out: &mut Output,
    ) {
        out.log.push_with(severity, || {
            let mut finding = self.element_finding(program, kind, severity, index, (0, 0, 0)).detail(detail);
            finding.place.element = None;
            finding
        });
    }

    pub(super) fn report_element(
        &self,
        program: &Program,
        kind: Kind,
        severity: Severity,
        index: u32,
        at: (u16, u16, u16),
        out: &mut Output,
    ) {
        out.log.push_with(severity, || self.element_finding(program, kind, severity, index, at));
    }

    /// `at` is element, component, repetition (from 0); the component is told only of a composite.
    pub(super) fn element_finding(
        &self,
        program: &Program,
        kind: Kind,
        severity: Severity,
        index: u32,
        at: (u16, u16, u16),
    ) -> Finding {
        let guide = &program.guide.table;
        let instance = &self.tree.segments[index as usize];
        let (element, component, repetition) = at;
        let segment = guide.segments.get(instance.node as usize);
        let definition = segment.and_then(|segment| segment.elements.get(usize::from(element).wrapping_sub(1)));
        let inner = definition.and_then(|whole| whole.components.get(usize::from(component).wrapping_sub(1)));
        let slot = self.tree.find(index, element, repetition, component.max(1));
        let parent = instance.parent;
        let place = Place {
            segment: Some(String::from_utf8_lossy(self.tree.id(instance)).into()),
            position: Some(instance.position),
            loop_id: (parent != NONE).then(|| loop_id(guide, self.tree.loops[parent as usize].node)).flatten(),
            element: Some(element),
            component: inner.is_some().then_some(component),
            repetition: definition.is_some_and(|whole| whole.repeat != 1).then_some(repetition + 1),
            ..self.place()
        };
        let mut finding = Finding::new(kind, severity, place);
        let named = inner.or(definition);
        finding.data_element = named.map(|named| named.data_element.as_str().into());
        finding.name = named.map_or_else(
            || segment.map(|segment| segment.name.as_str().into()),
            |named| Some(named.name.as_str().into()),
        );
        finding.value = slot.map(|slot| absolute(instance.offset, instance.start, &self.tree.slots[slot as usize]));
        finding
    }

    /// Points to the first element that should be there, or should not.
    pub(super) fn report_syntax(
        &self,
        program: &Program,
        target: u32,
        at: usize,
        present: u64,
        index: u32,
        out: &mut Output,
    ) {
        let note = &program.guide.table.segments[target as usize].syntax[at];
        let is_present = |element: &&u16| present & element_bit(**element) != 0;
        let (kind, element) = match note.kind {
            'E' => (Kind::ExclusionViolated, note.elements.iter().filter(is_present).nth(1)),
            'L' => (Kind::ConditionalElementMissing, note.elements.get(1)),
            _ => (Kind::ConditionalElementMissing, note.elements.iter().find(|element| !is_present(element))),
        };
        let numbers: Vec<String> = note.elements.iter().map(u16::to_string).collect();
        let finding = self
            .element_finding(program, kind, Severity::Error, index, (element.copied().unwrap_or(0), 0, 0))
            .detail(format!("{} {}", note.kind, numbers.join(" ")));
        out.log.push(finding);
    }
}
