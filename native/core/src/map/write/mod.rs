//! Canonical XML of one set back to its segments.
//!
//! Each document is written by the rules that read it, then `other` and `order` are put back, then what the guide
//! dictates; last the documents are merged. Nothing is dropped silently: what no rule knows is reported.

mod dom;
mod draft;
mod emit;
mod merge;
mod residue;
mod rules;

use crate::map::labels::{Step, parse_path};
use crate::map::program::Mapping;
use crate::map::tables::{ItemBlockTable, ItemBranchTable};
use crate::map::text::Charset;
use crate::map::write::dom::{Documents, Dom};
use crate::map::write::draft::Draft;
use crate::map::write::merge::{Key, Merger};
use crate::map::write::rules::{Unit, Writer};

/// Delimiters and control number of the set to write.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    pub control_number: Vec<u8>,
    pub element_separator: u8,
    pub component_separator: u8,
    pub repetition_separator: u8,
    pub segment_terminator: u8,
    pub line_end: Vec<u8>,
}

#[derive(Debug)]
pub struct Generated {
    /// From ST to SE, terminators included.
    pub text: Vec<u8>,
    pub segment_count: u64,
    /// Element paths that the table does not know, and why each was not written.
    pub unwritten: Vec<String>,
}

/// Why documents cannot become a set; the text names element paths, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateError(pub String);

impl std::fmt::Display for GenerateError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for GenerateError {}

/// `documents` has a `<document>` or a `<documents>` as its root.
pub fn generate(mapping: &Mapping, documents: &[u8], options: &GenerateOptions) -> Result<Generated, GenerateError> {
    let mut reader = Documents::new(documents)?;
    let mut merger = Merger::new(&mapping.outline, options);
    let mut unwritten = Vec::new();
    let mut sources = Vec::new();
    let mut implementation = None;
    let mut count = 0_usize;
    while let Some(dom) = reader.next_document()? {
        count += 1;
        let place = format!("document {count}");
        let source = dom.child(0, "source");
        let set = source.and_then(|source| dom.child(source, "set"));
        if implementation.is_none() {
            let named = set.and_then(|set| dom.elements[set].attribute("implementation"));
            implementation = named.map(|named| named.as_bytes().to_vec());
        }
        let identity = identity(&dom, source);
        let number = sources.iter().position(|other| *other == identity).unwrap_or_else(|| {
            sources.push(identity);
            sources.len() - 1
        });
        let mut writer = Writer {
            mapping,
            draft: Draft::new(),
            dom: &dom,
            charset: charset(&dom, source),
            is_born: false,
            bound: Vec::new(),
            unwritten: &mut unwritten,
        };
        let (chain, ends_in_item) = write_document(&mut writer, number, &place)?;
        merger.add(&mut writer.draft, &chain, ends_in_item, &place)?;
    }
    if count == 0 {
        return Err(GenerateError("no <document> to write".into()));
    }
    let implementation = mapping.outline.implementation.as_deref().map(|of| implementation.as_deref().unwrap_or(of));
    let (text, segment_count) = merger.write(implementation)?;
    Ok(Generated { text, segment_count, unwritten })
}

fn charset(dom: &Dom, source: Option<usize>) -> Charset {
    match source.and_then(|source| dom.elements[source].attribute("charset")) {
        Some("ISO-8859-1") => Charset::Latin1,
        _ => Charset::Utf8,
    }
}

/// Which source set a document comes from: `at` means the same place only within one.
fn identity(dom: &Dom, source: Option<usize>) -> Vec<String> {
    let Some(source) = source else { return Vec::new() };
    let mut parts = vec![dom.elements[source].attribute("instance").unwrap_or("").to_owned()];
    for name in ["interchange", "group", "set"] {
        if let Some(at) = dom.child(source, name) {
            for attribute in ["ordinal", "controlNumber"] {
                parts.push(dom.elements[at].attribute(attribute).unwrap_or("").to_owned());
            }
        }
    }
    parts
}

/// The loops from below the set down to the document's own, and whether that is an item.
fn write_document(writer: &mut Writer, source: usize, place: &str) -> Result<(Vec<(usize, Key)>, bool), GenerateError> {
    let mapping = writer.mapping;
    let dom = writer.dom;
    if let Some(header) = dom.child(0, "header") {
        writer.body(header, Unit::Loop(0), &mapping.set, None, &format!("{place}/header"))?;
    }
    let mut chain = Vec::new();
    let mut ends_in_item = false;
    for child in dom.elements[0].children.iter().copied() {
        let name = dom.elements[child].name.as_str();
        match (&mapping.item, name) {
            (_, "source" | "header") => {}
            _ if !chain.is_empty() => writer.report(|| format!("{place}/{name}: a second body")),
            (_, "remainder") => chain = remainder(writer, child, source, place)?,
            (Some(item), name) if name == item.element => {
                chain = write_item(writer, item, child, source, place)?;
                ends_in_item = true;
            }
            _ => return Err(GenerateError(format!("{place}/{name}: this guide maps no such element"))),
        }
    }
    writer.residue()?;
    writer.draft.bind(&mapping.outline);
    writer.finish(0);
    Ok((chain, ends_in_item))
}

/// The nodes and ordinals that an `at` names, `None` where it names no loop of the guide.
fn located(mapping: &Mapping, at: &str) -> Option<Vec<(u32, u32)>> {
    let mut node = 0;
    let mut chain = Vec::new();
    for step in parse_path(at)? {
        let Step::Loop { id, ordinal } = step else { return None };
        node = mapping.outline.child_loop(node, id.as_bytes())?;
        chain.push((node, ordinal));
    }
    Some(chain)
}

fn write_item(
    writer: &mut Writer,
    item: &'_ ItemBlockTable,
    element: usize,
    source: usize,
    place: &str,
) -> Result<Vec<(usize, Key)>, GenerateError> {
    let mapping = writer.mapping;
    let dom = writer.dom;
    let place = format!("{place}/{}", item.element);
    let at = dom.elements[element].attribute("at").and_then(|at| located(mapping, at));
    let branch = item_branch(mapping, dom, element, at.as_deref(), &place)?;
    let nodes = mapping.outline.chain(branch.loop_node);
    let at = at.filter(|at| at.iter().map(|(node, _)| *node).eq(nodes.iter().copied()));
    writer.is_born = at.is_none();
    let mut chain = Vec::new();
    let mut parent = 0;
    for (depth, node) in nodes.into_iter().enumerate() {
        let ordinal = at.as_ref().map(|at| at[depth].1);
        parent = writer.draft.add_loop(parent, node, ordinal);
        chain.push((parent, ordinal.map(|ordinal| (source, ordinal))));
    }
    let tag = mapping.item.as_ref().and_then(|item| item.tag.as_deref());
    writer.body(element, Unit::Loop(parent), &branch.body, tag, &place)?;
    Ok(chain)
}

fn item_branch<'m>(
    mapping: &'m Mapping,
    dom: &Dom,
    element: usize,
    at: Option<&[(u32, u32)]>,
    place: &str,
) -> Result<&'m ItemBranchTable, GenerateError> {
    let Some(item) = &mapping.item else { return Err(GenerateError(format!("{place}: no item in this guide"))) };
    let Some(tag) = &item.tag else {
        return item.branches.first().ok_or_else(|| GenerateError(format!("{place}: no item in this guide")));
    };
    let found = match (dom.elements[element].attribute(tag), at.and_then(<[_]>::last)) {
        (Some(value), _) => item.branches.iter().find(|branch| branch.value.as_deref() == Some(value)),
        (None, Some((node, _))) => item.branches.iter().find(|branch| branch.loop_node == *node),
        (None, None) => None,
    };
    found.ok_or_else(|| GenerateError(format!("{place}/@{tag}: missing, or none of the values that this guide knows")))
}

fn remainder(
    writer: &mut Writer,
    element: usize,
    source: usize,
    place: &str,
) -> Result<Vec<(usize, Key)>, GenerateError> {
    let dom = writer.dom;
    let at = dom.elements[element].attribute("at").and_then(|at| located(writer.mapping, at));
    let Some(at) = at else {
        return Err(GenerateError(format!("{place}/remainder: without a place in the set (at)")));
    };
    let mut chain = Vec::new();
    let mut parent = 0;
    for (node, ordinal) in at {
        parent = writer.draft.add_loop(parent, node, Some(ordinal));
        chain.push((parent, Some((source, ordinal))));
    }
    writer.bound.push((element, Unit::Loop(parent)));
    Ok(chain)
}
