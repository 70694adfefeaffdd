//! Items: where one begins and ends, and the documents it becomes.

use super::{Document, Envelope, ITEM_CAP, ItemDone, OpenItem, Output, SetJudge, absolute};
use crate::map::context::DocumentContext;
use crate::program::Program;
use crate::x12::finding::Severity;
use crate::x12::kind::Kind;
use crate::x12::tree::NONE;

impl SetJudge {
    pub(super) fn begin_item(&mut self, offset: u64, out: &Output) {
        self.item_count += 1;
        self.item = Some(OpenItem {
            ordinal: self.item_count,
            errors: out.log.errors,
            warnings: out.log.warnings,
            start: offset,
            context: None,
        });
        for open in &mut self.open {
            open.items += 1;
        }
    }

    /// CTX01-2 of the 999: the value that names the item.
    pub(super) fn note_context(&mut self, program: &Program, target: u32, index: u32) {
        let Some(open) = self.item.as_mut().filter(|open| open.context.is_none()) else { return };
        let Some(item) = &program.guide.table.item else { return };
        if item.context_segments.contains(&target)
            && let Some(slot) = self.tree.find(index, item.context_element, 0, 1)
        {
            let segment = &self.tree.segments[index as usize];
            open.context = Some(absolute(segment.offset, segment.start, &self.tree.slots[slot as usize]));
        }
    }

    pub(super) fn guard_item_size(&mut self, program: &Program, index: u32, out: &mut Output) {
        if self.tree.text.len() <= ITEM_CAP {
            return;
        }
        if !self.overflowed {
            self.overflowed = true;
            self.options.documents = false;
            self.report_segment(program, Kind::ItemTooLarge, Severity::Error, index, &ITEM_CAP.to_string(), out);
        }
        self.forget_segments();
    }

    /// Drops every segment of the open loops: nothing of this item will be written or judged by rules.
    pub(super) fn forget_segments(&mut self) {
        for open in &self.open {
            let instance = &mut self.tree.loops[open.instance as usize];
            (instance.first_segment, instance.last_segment) = (NONE, NONE);
            (instance.first_child, instance.last_child) = (NONE, NONE);
        }
        self.tree.segments.clear();
        self.tree.slots.clear();
        self.tree.text.clear();
        self.renderer.reset();
    }

    pub(super) fn finish_item(&mut self, program: &Program, instance: u32, envelope: &Envelope, out: &mut Output) {
        let Some(item) = self.item.take() else { return };
        let worst = if out.log.errors > item.errors {
            Some(Severity::Error)
        } else if out.log.warnings > item.warnings {
            Some(Severity::Warning)
        } else {
            None
        };
        let mut xml = None;
        if worst != Some(Severity::Error) && self.options.documents && program.mapping.is_some() {
            let start = out.xml.len();
            self.write(program, Document::Item(instance), item.ordinal, envelope, out);
            xml = Some((start, out.xml.len()));
        }
        out.items.push(ItemDone {
            interchange: self.ordinals.interchange,
            group: self.ordinals.group,
            set: self.ordinals.set,
            ordinal: item.ordinal,
            worst,
            xml,
            source: (item.start, self.end),
            context: item.context,
        });
    }

    /// A level without items is carried by a document of its own, so that nothing is lost. It counts as an
    /// item of the levels around it: they need no document of their own.
    pub(super) fn write_remainder(&mut self, program: &Program, instance: u32, envelope: &Envelope, out: &mut Output) {
        if !self.options.documents || program.mapping.is_none() || out.log.errors > 0 {
            return;
        }
        self.item_count += 1;
        let ordinal = self.item_count;
        for open in &mut self.open {
            open.items += 1;
        }
        let start = out.xml.len();
        self.write(program, Document::Remainder(instance), ordinal, envelope, out);
        out.items.push(ItemDone {
            interchange: self.ordinals.interchange,
            group: self.ordinals.group,
            set: self.ordinals.set,
            ordinal,
            worst: None,
            xml: Some((start, out.xml.len())),
            source: (self.end, self.end),
            context: None,
        });
    }

    pub(super) fn write(
        &mut self,
        program: &Program,
        document: Document,
        ordinal: u32,
        envelope: &Envelope,
        out: &mut Output,
    ) {
        let Some(mapping) = &program.mapping else { return };
        self.document_count += 1;
        let id = format!("{}{ordinal}", self.options.document_prefix);
        let context = DocumentContext {
            kind: program.guide.table.item.as_ref().map_or("set", |item| &item.kind),
            id: &id,
            guide: &program.guide.table.id,
            source_attributes: &self.options.source_attributes,
            interchange: envelope.interchange,
            group: envelope.group,
            set: envelope.set,
            interchange_ordinal: self.ordinals.interchange.into(),
            group_ordinal: self.ordinals.group.into(),
            set_ordinal: self.ordinals.set.into(),
            item_ordinal: ordinal.into(),
        };
        match document {
            Document::Item(of) => self.renderer.write_document(&mut out.xml, mapping, &self.tree, &context, of),
            Document::Remainder(of) => self.renderer.write_remainder(&mut out.xml, mapping, &self.tree, &context, of),
            Document::Set => self.renderer.write_set_document(&mut out.xml, mapping, &self.tree, &context),
        }
    }
}
