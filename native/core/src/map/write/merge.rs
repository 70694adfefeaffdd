//! The documents of one set put together again: what encloses items once, then the items, numbered.
//!
//! Enclosing loops of two documents are one where their places in the same source set are equal (`at`), else where
//! their content is. Two documents that disagree on what encloses both are an error.

use crate::map::labels::push_number;
use crate::map::outline::{Numbered, Outline};
use crate::map::write::draft::{Child, Draft, DraftSegment};
use crate::map::write::emit::Emitter;
use crate::map::write::{GenerateError, GenerateOptions};

/// The place of a loop in its parent: which source set, and the ordinal there.
pub(super) type Key = Option<(usize, u32)>;

/// A segment or loop that is finished but for its place.
#[derive(Debug)]
struct Piece {
    rank: u32,
    name: Box<[u8]>,
    text: Vec<u8>,
    count: u64,
}

/// An enclosing loop, or the set: numbered when all items are known.
#[derive(Debug)]
pub(super) struct Level<'m> {
    node: u32,
    key: Key,
    /// The HL or LX that begins it.
    trigger: Option<DraftSegment<'m>>,
    own: Vec<Piece>,
    children: Vec<Entry<'m>>,
}

#[derive(Debug)]
enum Entry<'m> {
    Level(Level<'m>),
    Item { node: u32, key: Key, piece: Piece },
}

impl Entry<'_> {
    fn place(&self) -> (u32, Key) {
        match self {
            Entry::Level(level) => (level.node, level.key),
            Entry::Item { node, key, .. } => (*node, *key),
        }
    }
}

pub(super) struct Merger<'m, 'o> {
    pub outline: &'m Outline,
    pub options: &'o GenerateOptions,
    root: Level<'m>,
    hierarchical_count: u64,
}

impl<'m, 'o> Merger<'m, 'o> {
    pub fn new(outline: &'m Outline, options: &'o GenerateOptions) -> Self {
        let root = Level { node: 0, key: None, trigger: None, own: Vec::new(), children: Vec::new() };
        Self { outline, options, root, hierarchical_count: 0 }
    }

    fn emitter(&self) -> Emitter<'o>
    where
        'm: 'o,
    {
        Emitter { options: self.options, outline: self.outline, out: Vec::new(), count: 0 }
    }

    /// Adds one finished document. `chain` are its loops from below the set down, with their keys; the last is the
    /// item itself where `ends_in_item`.
    pub fn add(
        &mut self,
        draft: &mut Draft<'m>,
        chain: &[(usize, Key)],
        ends_in_item: bool,
        place: &str,
    ) -> Result<(), GenerateError>
    where
        'm: 'o,
    {
        let outline = self.outline;
        let set = self.level(draft, (0, None), chain.first().map(|(at, _)| *at))?;
        let mut item = None;
        let mut levels = Vec::new();
        for (index, link) in chain.iter().enumerate() {
            let next = chain.get(index + 1).map(|(at, _)| *at);
            let node = draft.loops[link.0].node;
            if ends_in_item && next.is_none() && !outline.loops[node as usize].hierarchical {
                item = Some((node, link.1, link.0));
            } else {
                levels.push((self.level(draft, *link, next)?, ends_in_item && next.is_none()));
            }
        }
        let limit = item.map_or(0, |(node, ..)| outline.loops[node as usize].repeat);
        agree(&mut self.root, set, place, outline)?;
        let mut at = &mut self.root;
        let depth = levels.len();
        for (index, (level, is_item)) in levels.into_iter().enumerate() {
            let is_last = index + 1 == depth;
            at = enter(at, level, is_item, if is_last { limit } else { 0 }, place, outline)?;
        }
        if let Some((node, key, from)) = item {
            let line = at.children.iter().filter(|child| child.place().0 == node).count() as u64 + 1;
            let mut emitter = Emitter { options: self.options, outline, out: Vec::new(), count: 0 };
            emitter.whole_loop(draft, from, line)?;
            let piece = Piece {
                rank: outline.loops[node as usize].rank,
                name: outline.loops[node as usize].id.clone(),
                text: emitter.out,
                count: emitter.count,
            };
            at.children.push(Entry::Item { node, key, piece });
        }
        Ok(())
    }

    /// The content of a loop itself, without the child that leads on to the item.
    fn level(
        &self,
        draft: &mut Draft<'m>,
        (at, key): (usize, Key),
        next: Option<usize>,
    ) -> Result<Level<'m>, GenerateError>
    where
        'm: 'o,
    {
        let node = draft.loops[at].node;
        let mut level = Level { node, key, trigger: None, own: Vec::new(), children: Vec::new() };
        let mut rank = 0;
        let mut lines: Vec<(u32, u64)> = Vec::new();
        for child in draft.loops[at].children.clone() {
            let mut emitter = self.emitter();
            let name = match child {
                Child::Loop(inner) if Some(inner) == next => continue,
                Child::Loop(inner) => {
                    let of = &self.outline.loops[draft.loops[inner].node as usize];
                    rank = rank.max(of.rank);
                    let line = match lines.iter_mut().find(|(node, _)| *node == draft.loops[inner].node) {
                        Some((_, line)) => {
                            *line += 1;
                            *line
                        }
                        None => {
                            lines.push((draft.loops[inner].node, 1));
                            1
                        }
                    };
                    emitter.whole_loop(draft, inner, line)?;
                    of.id.clone()
                }
                Child::Segment(segment) => {
                    let place = self.outline.segments.get(draft.segments[segment].node as usize);
                    rank = rank.max(place.map_or(0, |place| place.rank));
                    if level.trigger.is_none() && place.is_some_and(|place| place.numbered != Numbered::No) {
                        level.trigger = Some(take(&mut draft.segments[segment]));
                        continue;
                    }
                    emitter.segment(&draft.segments[segment], 1)?;
                    draft.segments[segment].id.clone().into()
                }
            };
            level.own.push(Piece { rank, name, text: emitter.out, count: emitter.count });
        }
        Ok(level)
    }

    /// ST, everything, SE.
    pub fn write(mut self, implementation: Option<&[u8]>) -> Result<(Vec<u8>, u64), GenerateError>
    where
        'm: 'o,
    {
        let mut emitter = self.emitter();
        let options = self.options;
        emitter.begin(b"ST")?;
        for value in
            [Some(&*self.outline.transaction_set), Some(&options.control_number), implementation].into_iter().flatten()
        {
            emitter.out.push(options.element_separator);
            emitter.out.extend_from_slice(value);
        }
        emitter.end();
        let root = std::mem::replace(&mut self.root, Merger::new(self.outline, options).root);
        self.emit(&mut emitter, root, None, 1)?;
        emitter.begin(b"SE")?;
        emitter.out.push(options.element_separator);
        push_number(&mut emitter.out, emitter.count + 1);
        emitter.out.push(options.element_separator);
        emitter.out.extend_from_slice(&options.control_number);
        emitter.end();
        Ok((emitter.out, emitter.count))
    }

    fn emit(
        &mut self,
        emitter: &mut Emitter,
        level: Level,
        parent: Option<u64>,
        line: u64,
    ) -> Result<(), GenerateError> {
        let outline = self.outline;
        let Level { node, trigger, own, mut children, .. } = level;
        let mut number = parent;
        if let Some(mut trigger) = trigger {
            if outline.loops[node as usize].hierarchical {
                self.hierarchical_count += 1;
                number = Some(self.hierarchical_count);
                let has_children = children.iter().any(|child| outline.loops[child.place().0 as usize].hierarchical);
                fill(&mut trigger, 1, Some(self.hierarchical_count));
                fill(&mut trigger, 2, parent);
                fill(&mut trigger, 4, Some(has_children.into()));
            }
            emitter.segment(&trigger, line)?;
        }
        children.sort_by_key(|child| {
            let (node, key) = child.place();
            (outline.loops[node as usize].rank, key.is_none(), key)
        });
        let mut own = own.into_iter().peekable();
        let mut lines: Vec<(u32, u64)> = Vec::new();
        for child in children {
            let (node, _) = child.place();
            let rank = outline.loops[node as usize].rank;
            while let Some(piece) = own.next_if(|piece| piece.rank < rank) {
                put(emitter, &piece);
            }
            match child {
                Entry::Item { piece, .. } => put(emitter, &piece),
                Entry::Level(level) => {
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
                    self.emit(emitter, level, number, line)?;
                }
            }
        }
        own.for_each(|piece| put(emitter, &piece));
        Ok(())
    }
}

fn put(emitter: &mut Emitter, piece: &Piece) {
    emitter.out.extend_from_slice(&piece.text);
    emitter.count += piece.count;
}

fn take<'m>(segment: &mut DraftSegment<'m>) -> DraftSegment<'m> {
    DraftSegment {
        id: segment.id.clone(),
        parent: segment.parent,
        node: segment.node,
        candidates: segment.candidates,
        values: std::mem::take(&mut segment.values),
        absent: std::mem::take(&mut segment.absent),
    }
}

fn fill(segment: &mut DraftSegment, element: u16, number: Option<u64>) {
    let is_given =
        segment.values.iter().any(|value| value.element == element) || segment.absent.contains(&(element, 1));
    if let (false, Some(number)) = (is_given, number) {
        let mut bytes = Vec::new();
        push_number(&mut bytes, number);
        let at = segment.values.partition_point(|value| value.element < element);
        let value = crate::map::write::draft::Value { element, repetition: 0, component: 1, bytes };
        segment.values.insert(at, value);
    }
}

/// The values of a trigger that numbering does not give.
fn said<'a>(trigger: Option<&'a DraftSegment>) -> impl Iterator<Item = (u16, u16, u16, &'a [u8])> {
    trigger
        .into_iter()
        .flat_map(|trigger| &trigger.values)
        .filter(|value| !matches!(value.element, 1 | 2 | 4))
        .map(|value| (value.element, value.repetition, value.component, value.bytes.as_slice()))
}

fn is_equal(left: &Level, right: &Level) -> bool {
    left.own.len() == right.own.len()
        && left.own.iter().zip(&right.own).all(|(left, right)| left.text == right.text)
        && said(left.trigger.as_ref()).eq(said(right.trigger.as_ref()))
}

/// Two documents speak of one loop: the second must say the same, or nothing.
fn agree<'m>(kept: &mut Level<'m>, other: Level<'m>, place: &str, outline: &Outline) -> Result<(), GenerateError> {
    if is_equal(kept, &other) || other.own.is_empty() {
        return Ok(());
    }
    if kept.own.is_empty() {
        kept.own = other.own;
        kept.trigger = other.trigger.or(kept.trigger.take());
        return Ok(());
    }
    let id = String::from_utf8_lossy(&outline.loops[kept.node as usize].id).into_owned();
    let what = if kept.node == 0 { "<header>".into() } else { format!("the enclosing {id}") };
    let differing = kept.own.iter().zip(&other.own).find(|(left, right)| left.text != right.text);
    let part = differing
        .map_or(String::new(), |(_, right)| format!(" (in {})", String::from_utf8_lossy(&right.name).escape_debug()));
    Err(GenerateError(format!("{place}: {what} differs from that of an earlier document{part}")))
}

/// The level's place below `parent`: an earlier one that is the same, else itself.
fn enter<'t, 'm>(
    parent: &'t mut Level<'m>,
    level: Level<'m>,
    is_item: bool,
    limit: u32,
    place: &str,
    outline: &Outline,
) -> Result<&'t mut Level<'m>, GenerateError> {
    let mut found = None;
    if !is_item {
        found = parent.children.iter().rposition(
            |child| matches!(child, Entry::Level(of) if of.node == level.node && of.key.is_some() && of.key == level.key),
        );
        if found.is_none() {
            let last =
                parent.children.iter().rposition(|child| matches!(child, Entry::Level(of) if of.node == level.node));
            found = last.filter(|at| match &parent.children[*at] {
                Entry::Level(of) => {
                    let is_elsewhere = match (of.key, level.key) {
                        (Some((left, _)), Some((right, _))) => left != right,
                        _ => true,
                    };
                    let is_full = limit > 0 && of.children.len() >= limit as usize;
                    is_elsewhere && !is_full && is_equal(of, &level)
                }
                Entry::Item { .. } => false,
            });
        }
    }
    let at = match found {
        Some(at) => {
            if let Entry::Level(of) = &mut parent.children[at] {
                agree(of, level, place, outline)?;
            }
            at
        }
        None => {
            parent.children.push(Entry::Level(level));
            parent.children.len() - 1
        }
    };
    match &mut parent.children[at] {
        Entry::Level(of) => Ok(of),
        Entry::Item { .. } => Err(GenerateError(format!("{place}: stands below an item"))),
    }
}
