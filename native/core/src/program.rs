//! Tables checked and made ready: one immutable [`Program`] for each guide and set of rules.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::map::program::Mapping;
use crate::tables::{ChildTable, ElementTable, FORMAT, GuideTable, Tables};
use crate::x12::guide::{CodeSet, Guide};
use crate::x12::rules::Rules;

/// No guide nests deeper by far; keeps recursion over the tables bounded.
const MAX_DEPTH: usize = 32;

/// Tables that are not what this core reads; the text names the table and the index.
#[derive(Debug, PartialEq, Eq)]
pub struct TableError(pub String);

impl fmt::Display for TableError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for TableError {}

pub struct Program {
    /// SHA-256 of the tables: their version.
    pub digest: [u8; 32],
    pub guide: Guide,
    pub code_sets: Box<[CodeSet]>,
    pub rules: Rules,
    pub mapping: Option<Mapping>,
}

impl Program {
    /// Reads `MessagePack` tables, refuses unknown fields and indices that point nowhere.
    pub fn compile(bytes: &[u8]) -> Result<Self, TableError> {
        let tables: Tables = rmp_serde::from_slice(bytes).map_err(|error| TableError(error.to_string()))?;
        Self::from_tables(tables, Sha256::digest(bytes).into()).map_err(TableError)
    }

    pub(crate) fn from_tables(tables: Tables, digest: [u8; 32]) -> Result<Self, String> {
        if tables.format != FORMAT {
            return Err(format!("tables of format {} where {FORMAT} is read", tables.format));
        }
        check_guide(&tables.guide, tables.code_sets.len())?;
        let mapping = match &tables.mapping {
            Some(table) => Some(Mapping::compile(table, &tables.guide, &tables.code_sets)?),
            None => None,
        };
        let rules = Rules::compile(&tables.rules, &tables.guide, tables.code_sets.len())?;
        Ok(Self {
            digest,
            guide: Guide::new(tables.guide)?,
            code_sets: tables.code_sets.iter().map(CodeSet::new).collect(),
            rules,
            mapping,
        })
    }
}

fn check_guide(guide: &GuideTable, code_sets: usize) -> Result<(), String> {
    let (loops, segments) = (guide.loops.len(), guide.segments.len());
    let root = guide.loops.first().ok_or("the guide has no loops")?;
    if root.parent.is_some() || !matches!(root.children.first(), Some(ChildTable::Segment(_))) {
        return Err("loop 0 must be the set loop and begin with ST".into());
    }
    for (index, of) in guide.loops.iter().enumerate() {
        if index > 0 && of.parent.is_none_or(|parent| parent as usize >= index) {
            return Err(format!("loop {index} ({}): its parent must come before it", of.id));
        }
        for child in &of.children {
            let fits = match child {
                ChildTable::Loop(at) => {
                    (*at as usize) < loops && guide.loops[*at as usize].parent == u32::try_from(index).ok()
                }
                ChildTable::Segment(at) => {
                    (*at as usize) < segments && guide.segments[*at as usize].parent as usize == index
                }
            };
            if !fits {
                return Err(format!("loop {index} ({}): a child that is not its own", of.id));
            }
        }
    }
    if (0..loops).any(|of| depth(guide, of) > MAX_DEPTH) {
        return Err("loops nest too deep".into());
    }
    for (index, segment) in guide.segments.iter().enumerate() {
        let fault = |what: &str| Err(format!("segment {index} ({}): {what}", segment.id));
        if segment.parent as usize >= loops {
            return fault("its loop does not exist");
        }
        if segment
            .key
            .as_ref()
            .is_some_and(|key| key.code_set as usize >= code_sets || key.element == 0 || key.component == 0)
        {
            return fault("its key points nowhere");
        }
        if segment.syntax.iter().any(|note| note.elements.contains(&0) || !"PRECL".contains(note.kind)) {
            return fault("a syntax note that is none");
        }
        if !segment.elements.iter().all(|element| element_fits(element, code_sets, true)) {
            return fault("an element with a code set that does not exist, or nested composites");
        }
    }
    match &guide.item {
        Some(item)
            if item.loops.is_empty()
                || item.loops.iter().any(|of| *of as usize >= loops)
                || item.context_segments.iter().any(|of| *of as usize >= segments) =>
        {
            Err("the item points nowhere".into())
        }
        _ => Ok(()),
    }
}

fn element_fits(element: &ElementTable, code_sets: usize, may_be_composite: bool) -> bool {
    element.code_set.is_none_or(|set| (set as usize) < code_sets)
        && (may_be_composite || element.components.is_empty())
        && element.components.iter().all(|component| element_fits(component, code_sets, false))
}

fn depth(guide: &GuideTable, of: usize) -> usize {
    std::iter::successors(guide.loops[of].parent, |parent| guide.loops[*parent as usize].parent).count()
}
