//! Text to tree by a forgiving walk: what finds no place stays in the current loop.

use crate::tables::{ChildTable, CodeSetTable, GuideTable};
use crate::x12::tree::{LoopInstance, NONE, SegmentInstance, Slot, Tree};

/// Segments without terminators, `*` `:` `^`.
pub fn tree(guide: &GuideTable, sets: &[CodeSetTable], segments: &[String]) -> Tree {
    let mut builder = Builder { guide, sets, tree: Tree::default(), open: Vec::new(), hierarchical: 0, rank: 0 };
    builder.open_loop(0, 1);
    for (position, segment) in segments.iter().enumerate() {
        builder.walk(segment, position as u32 + 1);
    }
    builder.tree
}

struct Builder<'a> {
    guide: &'a GuideTable,
    sets: &'a [CodeSetTable],
    tree: Tree,
    open: Vec<(u32, u32)>,
    hierarchical: u32,
    rank: usize,
}

impl Builder<'_> {
    fn fits(&self, node: u32, text: &str) -> bool {
        let table = &self.guide.segments[node as usize];
        let mut elements = text.split('*');
        if elements.next() != Some(table.id.as_str()) {
            return false;
        }
        let Some(key) = &table.key else { return true };
        let element = elements.nth(usize::from(key.element) - 1).unwrap_or("");
        let value = element.split(':').nth(usize::from(key.component) - 1).unwrap_or("");
        self.sets[key.code_set as usize].codes.iter().any(|code| code == value)
    }

    /// The first place from child `from` on: the segment's node and the loops to open.
    fn place(&self, node: u32, from: usize, text: &str) -> Option<(u32, Vec<u32>)> {
        self.guide.loops[node as usize].children.iter().enumerate().skip(from).find_map(|(index, child)| match child {
            ChildTable::Segment(at) => {
                let is_trigger = index == 0 && node != 0 && !self.guide.loops[node as usize].wrapper;
                (!is_trigger && self.fits(*at, text)).then(|| (*at, Vec::new()))
            }
            ChildTable::Loop(at) => {
                let of = &self.guide.loops[*at as usize];
                let found = match of.children.first() {
                    _ if of.wrapper => self.place(*at, 0, text),
                    Some(ChildTable::Segment(trigger)) => self.fits(*trigger, text).then(|| (*trigger, Vec::new())),
                    _ => None,
                };
                found.map(|(segment, mut loops)| {
                    loops.insert(0, *at);
                    (segment, loops)
                })
            }
        })
    }

    fn walk(&mut self, text: &str, position: u32) {
        let mut found = None;
        let mut from = self.rank;
        for depth in (0..self.open.len()).rev() {
            let node = self.open[depth].0;
            if let Some(place) = self.place(node, from, text) {
                found = Some((depth, place));
                break;
            }
            if depth > 0 {
                let above = self.open[depth - 1].0;
                from = self.guide.loops[above as usize]
                    .children
                    .iter()
                    .position(|child| *child == ChildTable::Loop(node))
                    .unwrap();
            }
        }
        let node = match found {
            None => NONE,
            Some((depth, (segment, loops))) => {
                self.open.truncate(depth + 1);
                for node in loops {
                    self.open_loop(node, position);
                }
                let parent = &self.guide.loops[self.open.last().unwrap().0 as usize];
                self.rank = parent.children.iter().position(|child| *child == ChildTable::Segment(segment)).unwrap();
                segment
            }
        };
        self.attach(node, text, position);
    }

    fn open_loop(&mut self, node: u32, position: u32) {
        let instance = self.tree.loops.len() as u32;
        let parent = self.open.last().map_or(NONE, |(_, instance)| *instance);
        let ordinal = if parent == NONE {
            1
        } else {
            self.tree.children_of(parent).filter(|at| self.tree.loops[*at as usize].node == node).count() as u32 + 1
        };
        let is_level = matches!(self.guide.loops[node as usize].children.first(), Some(ChildTable::Segment(at)) if self.guide.segments[*at as usize].id == "HL");
        self.hierarchical += u32::from(is_level);
        let hl_ordinal = if is_level { self.hierarchical } else { 0 };
        self.tree.loops.push(LoopInstance {
            node,
            parent,
            ordinal,
            first_segment: NONE,
            last_segment: NONE,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
            position,
            hl_ordinal,
        });
        if parent != NONE {
            match self.tree.loops[parent as usize].last_child {
                NONE => self.tree.loops[parent as usize].first_child = instance,
                last => self.tree.loops[last as usize].next_sibling = instance,
            }
            self.tree.loops[parent as usize].last_child = instance;
        }
        self.open.push((node, instance));
    }

    fn attach(&mut self, node: u32, text: &str, position: u32) {
        let (start, first_slot) = (self.tree.text.len(), self.tree.slots.len() as u32);
        self.tree.text.extend_from_slice(text.as_bytes());
        let mut at = start;
        let mut elements = text.split('*');
        let id = elements.next().unwrap();
        at += id.len();
        for (element, repetitions) in (1..).zip(elements) {
            for (repetition, components) in (0..).zip(repetitions.split('^')) {
                for (component, value) in (1..).zip(components.split(':')) {
                    at += 1;
                    if !value.is_empty() {
                        self.tree.slots.push(Slot {
                            start: at as u32,
                            end: (at + value.len()) as u32,
                            element,
                            repetition,
                            component,
                        });
                    }
                    at += value.len();
                }
            }
        }
        let index = self.tree.segments.len() as u32;
        let parent = self.open.last().unwrap().1;
        self.tree.segments.push(SegmentInstance {
            node,
            parent,
            next: NONE,
            start: start as u32,
            end: self.tree.text.len() as u32,
            id_length: id.len() as u16,
            element_count: 0,
            first_slot,
            end_slot: self.tree.slots.len() as u32,
            position,
            offset: 0,
        });
        match self.tree.loops[parent as usize].last_segment {
            NONE => self.tree.loops[parent as usize].first_segment = index,
            last => self.tree.segments[last as usize].next = index,
        }
        self.tree.loops[parent as usize].last_segment = index;
    }
}
