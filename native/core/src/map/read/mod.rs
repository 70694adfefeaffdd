//! Tree to canonical XML: one document for each item, each complete in itself.
//!
//! The header and the enclosing loops appear in every document of a set. They are rendered once and kept as bytes
//! until their loop closes; the rules of one level never touch another, so kept bytes stay true.

mod attributes;
mod locate;
mod residue;
mod rules;
mod source;
mod splice;

use crate::map::context::{DocumentContext, ValueCounts};
use crate::map::labels::push_ordinal;
use crate::map::program::Mapping;
use crate::map::read::locate::{Unit, View};
use crate::map::read::rules::Scratch;
use crate::map::read::splice::Chunk;
use crate::map::tables::{ItemBlockTable, ItemBranchTable};
use crate::map::text::{Charset, escape};
use crate::x12::tree::{NONE, Tree};

pub const NAMESPACE: &str = "urn:gateway:canonical:1";

/// Kept bytes of the header or of the blocks that read one enclosing loop.
#[derive(Debug, Default)]
struct Kept {
    instance: u32,
    branch: usize,
    bytes: Vec<u8>,
    /// Block of the item's body, and its range in `bytes`.
    blocks: Vec<(usize, usize, usize)>,
    /// `other` and `order` that no element owns, in `bytes`.
    rest: (usize, usize),
    is_valid: bool,
}

/// What the documents of one set share, in one character set.
#[derive(Debug, Default)]
struct Shared {
    source: Option<(Vec<u8>, bool)>,
    header: Option<Kept>,
    /// By depth of the enclosing loop, the outermost first.
    levels: Vec<Kept>,
}

/// Writes documents; keeps what documents of one set share.
#[derive(Debug, Default)]
pub struct Renderer {
    counts: ValueCounts,
    /// The enclosing loop instances whose values are counted; 0 is the header.
    counted: Vec<u32>,
    utf8: Shared,
    latin1: Shared,
    scratch: Scratch,
}

impl Renderer {
    pub fn new() -> Self {
        Self::default()
    }

    /// A set begins: nothing rendered before holds, counts start at zero.
    pub fn reset(&mut self) {
        self.counts = ValueCounts::default();
        self.counted.clear();
        self.utf8 = Shared::default();
        self.latin1 = Shared::default();
    }

    /// This loop instance and all behind it are about to be dropped from the tree.
    pub fn forget_from(&mut self, loop_instance: u32) {
        for shared in [&mut self.utf8, &mut self.latin1] {
            shared.levels.retain(|level| level.instance < loop_instance);
        }
        self.counted.retain(|instance| *instance < loop_instance);
    }

    /// Of the set so far.
    pub fn counts(&self) -> ValueCounts {
        self.counts
    }

    /// Appends the document of the item in `item_loop`.
    pub fn write_document(
        &mut self,
        out: &mut Vec<u8>,
        mapping: &Mapping,
        tree: &Tree,
        context: &DocumentContext,
        item_loop: u32,
    ) {
        let node = tree.loops[item_loop as usize].node;
        let branch = mapping.item.as_ref().and_then(|item| {
            let at = item.branches.iter().position(|branch| branch.loop_node == node)?;
            Some((item, at))
        });
        match branch {
            Some((item, at)) => self.write(out, context.kind, mapping, tree, context, Body::Item(item, at, item_loop)),
            None => self.write_remainder(out, mapping, tree, context, item_loop),
        }
    }

    /// Appends the one document of a set without items: source and header.
    pub fn write_set_document(&mut self, out: &mut Vec<u8>, mapping: &Mapping, tree: &Tree, context: &DocumentContext) {
        self.write(out, "set", mapping, tree, context, Body::None);
    }

    /// Appends the document of a context loop that closed without an item or another such loop inside.
    pub fn write_remainder(
        &mut self,
        out: &mut Vec<u8>,
        mapping: &Mapping,
        tree: &Tree,
        context: &DocumentContext,
        loop_instance: u32,
    ) {
        self.write(out, "remainder", mapping, tree, context, Body::Remainder(loop_instance));
    }

    fn write(
        &mut self,
        out: &mut Vec<u8>,
        kind: &str,
        mapping: &Mapping,
        tree: &Tree,
        context: &DocumentContext,
        body: Body,
    ) {
        let view = View { tree, mapping };
        let start = out.len();
        if !self.attempt(out, kind, view, context, body, Charset::Utf8) {
            out.truncate(start);
            self.attempt(out, kind, view, context, body, Charset::Latin1);
        }
    }

    /// False where a value is not valid in the character set; Latin-1 takes every byte.
    fn attempt(
        &mut self,
        out: &mut Vec<u8>,
        kind: &str,
        view: View,
        context: &DocumentContext,
        body: Body,
        charset: Charset,
    ) -> bool {
        self.scratch.charset = charset;
        out.extend_from_slice(b"<document xmlns=\"");
        out.extend_from_slice(NAMESPACE.as_bytes());
        out.extend_from_slice(b"\" kind=\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\" id=\"");
        let is_valid = escape(out, context.id.as_bytes(), charset);
        out.extend_from_slice(b"\">");
        if !(is_valid && self.push_source(out, context) && self.push_header(out, view)) {
            return false;
        }
        let mut counts = ValueCounts::default();
        let is_valid = match body {
            Body::None => true,
            Body::Remainder(instance) => self.push_remainder(out, view, instance, &mut counts),
            Body::Item(item, branch, instance) => self.push_item(out, view, item, branch, instance, &mut counts),
        };
        if is_valid {
            self.counts = sum(self.counts, counts);
            out.extend_from_slice(b"</document>");
        }
        is_valid
    }

    fn shared(&mut self) -> &mut Shared {
        match self.scratch.charset {
            Charset::Utf8 => &mut self.utf8,
            Charset::Latin1 => &mut self.latin1,
        }
    }

    fn push_source(&mut self, out: &mut Vec<u8>, context: &DocumentContext) -> bool {
        let charset = self.scratch.charset;
        let (bytes, is_valid) = self.shared().source.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            let is_valid = source::push_source(&mut bytes, context, charset);
            (bytes, is_valid)
        });
        out.extend_from_slice(bytes);
        source::push_source_end(out, context.item_ordinal);
        *is_valid
    }

    fn push_header(&mut self, out: &mut Vec<u8>, view: View) -> bool {
        if self.shared().header.is_none() {
            let kept = self.render_header(view);
            self.shared().header = Some(kept);
        }
        match &self.shared().header {
            Some(kept) => {
                out.extend_from_slice(&kept.bytes);
                kept.is_valid
            }
            None => false,
        }
    }

    fn render_header(&mut self, view: View) -> Kept {
        let scratch = &mut self.scratch;
        scratch.begin(view.tree, 0);
        let mut owner = scratch.open("header");
        scratch.owners.push(owner);
        scratch.loop_owner[0] = 0;
        scratch.attributes(view, Unit::Loop(0), &view.mapping.set);
        scratch.body.push(b'>');
        let content = scratch.body.len();
        scratch.blocks(view, Unit::Loop(0), &view.mapping.set);
        scratch.close_outermost(&mut owner, content);
        scratch.owners[0] = owner;
        let mut counts = ValueCounts::default();
        scratch.path.clear();
        scratch.residue_of_loop(view, 0, 0, &mut counts);
        let mut kept = Kept { is_valid: !scratch.invalid, ..Kept::default() };
        let end = scratch.body.len();
        scratch.splice(&mut kept.bytes, 0, end);
        self.count_once(0, kept.is_valid, counts);
        kept
    }

    fn count_once(&mut self, instance: u32, is_valid: bool, counts: ValueCounts) {
        if is_valid && !self.counted.contains(&instance) {
            self.counted.push(instance);
            self.counts = sum(self.counts, counts);
        }
    }

    fn push_remainder(&mut self, out: &mut Vec<u8>, view: View, instance: u32, counts: &mut ValueCounts) -> bool {
        let scratch = &mut self.scratch;
        scratch.begin(view.tree, instance);
        let mut owner = scratch.open("remainder");
        push_at(&mut scratch.body, view, instance);
        scratch.owners.push(owner);
        scratch.loop_owner[0] = 0;
        scratch.body.push(b'>');
        let content = scratch.body.len();
        scratch.close_outermost(&mut owner, content);
        scratch.owners[0] = owner;
        scratch.path.clear();
        scratch.residue_of_loop(view, instance, 0, counts);
        // What encloses it may have no other document; no rule names it here, so it all goes to `other`.
        for around in enclosing_instances(view, instance) {
            scratch.path.clear();
            scratch.path.push(b'^');
            scratch.path.extend_from_slice(&view.mapping.outline.loops[view.node(around) as usize].id);
            scratch.residue_of_loop(view, around, 0, &mut ValueCounts::default());
        }
        let end = scratch.body.len();
        scratch.splice(out, 0, end);
        !scratch.invalid
    }

    /// 1. what encloses the item, kept or rendered now; 2. the item's rules; 3. what they left.
    fn push_item(
        &mut self,
        out: &mut Vec<u8>,
        view: View,
        item: &ItemBlockTable,
        branch: usize,
        instance: u32,
        counts: &mut ValueCounts,
    ) -> bool {
        let mut chain = enclosing_instances(view, instance);
        chain.reverse();
        if !self.prepare_levels(view, item, branch, &chain) {
            return false;
        }
        let rules: &ItemBranchTable = &item.branches[branch];
        let Self { scratch, utf8, latin1, .. } = self;
        let shared = match scratch.charset {
            Charset::Utf8 => utf8,
            Charset::Latin1 => latin1,
        };
        let levels = &shared.levels[..chain.len()];
        let unit = Unit::Loop(instance);
        scratch.begin(view.tree, instance);
        let mut owner = scratch.open(&item.element);
        scratch.owners.push(owner);
        scratch.loop_owner[0] = 0;
        push_at(&mut scratch.body, view, instance);
        if let (Some(tag), Some(value)) = (&item.tag, &rules.value) {
            scratch.plain_attribute(tag, value.as_bytes());
        }
        scratch.attributes(view, unit, &rules.body);
        scratch.body.push(b'>');
        let content = scratch.body.len();
        let present = scratch.present(view, unit);
        for (index, block) in rules.body.blocks.iter().enumerate() {
            if view.mapping.levels[branch][index] == NONE {
                if rules.body.plan.wanted[index] & present != 0 {
                    scratch.block(view, unit, block, &rules.body.plan.names[index]);
                }
                continue;
            }
            for level in levels {
                for (_, start, end) in level.blocks.iter().filter(|(of, ..)| *of == index) {
                    scratch.body.extend_from_slice(&level.bytes[*start..*end]);
                }
            }
        }
        scratch.close_outermost(&mut owner, content);
        scratch.owners[0] = owner;
        scratch.path.clear();
        scratch.residue_of_loop(view, instance, 0, counts);
        for level in levels.iter().rev().filter(|level| level.rest.0 < level.rest.1) {
            let start = scratch.residue.len();
            scratch.residue.extend_from_slice(&level.bytes[level.rest.0..level.rest.1]);
            scratch.chunks.push(Chunk { owner: 0, start, end: scratch.residue.len() });
        }
        let end = scratch.body.len();
        scratch.splice(out, 0, end);
        !scratch.invalid
    }

    fn prepare_levels(&mut self, view: View, item: &ItemBlockTable, branch: usize, chain: &[u32]) -> bool {
        for (depth, instance) in chain.iter().enumerate() {
            let kept = self.shared().levels.get(depth);
            if kept.is_none_or(|kept| kept.instance != *instance || kept.branch != branch) {
                let kept = self.render_level(view, item, branch, *instance);
                let levels = &mut self.shared().levels;
                levels.truncate(depth);
                levels.push(kept);
            }
        }
        self.shared().levels[..chain.len()].iter().all(|level| level.is_valid)
    }

    fn render_level(&mut self, view: View, item: &ItemBlockTable, branch: usize, instance: u32) -> Kept {
        let node = view.node(instance);
        let rules = &item.branches[branch];
        let scratch = &mut self.scratch;
        scratch.begin(view.tree, instance);
        let mut ranges = Vec::new();
        for (index, block) in rules.body.blocks.iter().enumerate() {
            if view.mapping.levels[branch][index] == node {
                let start = scratch.body.len();
                scratch.block(view, Unit::Loop(instance), block, &rules.body.plan.names[index]);
                ranges.push((index, start, scratch.body.len()));
            }
        }
        let mut counts = ValueCounts::default();
        scratch.path.clear();
        scratch.path.push(b'^');
        scratch.path.extend_from_slice(&view.mapping.outline.loops[node as usize].id);
        scratch.residue_of_loop(view, instance, NONE, &mut counts);
        let mut kept = Kept { instance, branch, is_valid: !scratch.invalid, ..Kept::default() };
        for (index, start, end) in ranges {
            let from = kept.bytes.len();
            scratch.splice(&mut kept.bytes, start, end);
            kept.blocks.push((index, from, kept.bytes.len()));
        }
        let from = kept.bytes.len();
        for chunk in scratch.chunks.iter().filter(|chunk| chunk.owner == NONE) {
            kept.bytes.extend_from_slice(&scratch.residue[chunk.start..chunk.end]);
        }
        kept.rest = (from, kept.bytes.len());
        self.count_once(instance, kept.is_valid, counts);
        kept
    }
}

#[derive(Clone, Copy)]
enum Body<'a> {
    None,
    Remainder(u32),
    /// The item's rules, its branch and its loop instance.
    Item(&'a ItemBlockTable, usize, u32),
}

fn sum(left: ValueCounts, right: ValueCounts) -> ValueCounts {
    ValueCounts {
        named: left.named + right.named,
        dictated: left.dictated + right.dictated,
        other: left.other + right.other,
    }
}

/// The loops around an instance that show in paths, the innermost first; the set is not among them.
fn enclosing_instances(view: View, instance: u32) -> Vec<u32> {
    let mut chain = Vec::new();
    let mut at = view.tree.loops[instance as usize].parent;
    while at != NONE && at != 0 {
        if !view.mapping.outline.loops[view.node(at) as usize].wrapper {
            chain.push(at);
        }
        at = view.tree.loops[at as usize].parent;
    }
    chain
}

fn push_at(out: &mut Vec<u8>, view: View, instance: u32) {
    out.extend_from_slice(b" at=\"");
    let mut chain = enclosing_instances(view, instance);
    chain.insert(0, instance);
    for (index, at) in chain.iter().rev().enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        let of = &view.tree.loops[*at as usize];
        out.extend_from_slice(&view.mapping.outline.loops[of.node as usize].id);
        push_ordinal(out, of.ordinal);
    }
    out.push(b'"');
}
