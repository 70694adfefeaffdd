//! A mapping table checked against its guide and laid out for the two directions.

use crate::map::codec::{Translation, translations};
use crate::map::outline::Outline;
use crate::map::plan::{plan, wanted};
use crate::map::tables::{
    AttributeTable, BlockTable, BodyTable, CodecTable, ItemBlockTable, MappingTable, PartTable, PlaceTable, RouteTable,
    SlotTable, UnitTable,
};
use crate::tables::{CodeSetTable, GuideTable};
use crate::x12::tree::NONE;

/// Elements nest no deeper than loops, segments and composites do; bounds the recursion of both directions.
const MAX_BLOCK_DEPTH: usize = 16;

/// A checked mapping: every index of the table points into the guide.
#[derive(Debug)]
pub struct Mapping {
    pub(crate) set: BodyTable,
    pub(crate) item: Option<ItemBlockTable>,
    pub(crate) translations: Box<[Translation]>,
    pub(crate) outline: Outline,
    /// For each branch of the item and each block of its body: the enclosing loop that the block reads, `NONE`
    /// where it reads the item itself.
    pub(crate) levels: Box<[Box<[u32]>]>,
}

impl Mapping {
    /// Refuses an index outside the guide; the text names the place in the table.
    pub fn compile(table: &MappingTable, guide: &GuideTable, code_sets: &[CodeSetTable]) -> Result<Self, String> {
        let outline = Outline::new(guide, code_sets)?;
        let check = Check { outline: &outline, codes: table.codes.len() };
        check.body(&table.set, Some(0), "header", 0)?;
        let mut levels = Vec::new();
        for branch in table.item.iter().flat_map(|item| &item.branches) {
            let is_item = guide.item.as_ref().is_some_and(|item| item.loops.contains(&branch.loop_node));
            if !is_item {
                return Err(format!("item branch on loop {}, which is no item of the guide", branch.loop_node));
            }
            let body_levels = branch.body.blocks.iter().map(|block| check.level(block, branch.loop_node));
            levels.push(body_levels.collect::<Result<Box<[u32]>, String>>()?);
            check.body(&branch.body, Some(branch.loop_node), "item", 0)?;
        }
        let (mut set, mut item) = (table.set.clone(), table.item.clone());
        want(&mut set, &outline, Some(0));
        for branch in item.iter_mut().flat_map(|item| &mut item.branches) {
            want(&mut branch.body, &outline, Some(branch.loop_node));
        }
        Ok(Self { set, item, translations: translations(&table.codes)?, levels: levels.into(), outline })
    }
}

/// Fills in what each route wants of its base, and the plan of the body that runs on the loop `scope`.
fn want(body: &mut BodyTable, outline: &Outline, scope: Scope) {
    let constants = body.constants.iter_mut().map(|constant| &mut constant.slot);
    let attributes = body.attributes.iter_mut().map(|attribute| &mut attribute.slot);
    for route in constants.chain(attributes).filter_map(|slot| slot.route.as_mut()) {
        route.wanted = wanted(route, outline);
    }
    for branch in body.blocks.iter_mut().flat_map(|block| &mut block.branches) {
        let inner = match &mut branch.unit.route {
            None => scope.filter(|_| branch.unit.part == PartTable::Whole),
            Some(route) => {
                route.wanted = wanted(route, outline);
                route.segments.is_empty().then(|| route.loops.last().copied().unwrap_or(route.base))
            }
        };
        want(&mut branch.body, outline, inner);
    }
    body.plan = plan(body, scope);
}

struct Check<'a> {
    outline: &'a Outline,
    codes: usize,
}

/// `scope` is the loop whose instance the rules run on, `None` inside a segment.
type Scope = Option<u32>;

impl Check<'_> {
    fn level(&self, block: &BlockTable, item: u32) -> Result<u32, String> {
        let mut level = None;
        for branch in &block.branches {
            let base = branch.unit.route.as_ref().map_or(item, |route| route.base);
            let of = if self.encloses(item, base) { NONE } else { base };
            if *level.get_or_insert(of) != of {
                return Err(format!("item/{}: its branches read different levels", block.element));
            }
        }
        level.ok_or_else(|| format!("item/{}: no branch", block.element))
    }

    fn encloses(&self, outer: u32, inner: u32) -> bool {
        (inner as usize) < self.outline.loops.len() && self.outline.encloses(outer, inner)
    }

    fn body(&self, body: &BodyTable, scope: Scope, place: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_BLOCK_DEPTH {
            return Err(format!("{place}: nested too deep"));
        }
        for constant in &body.constants {
            self.slot(&constant.slot, scope, place)?;
        }
        for attribute in &body.attributes {
            self.attribute(attribute, scope, &format!("{place}/@{}", attribute.name))?;
        }
        for block in &body.blocks {
            let place = format!("{place}/{}", block.element);
            if block.tag.is_none() && block.branches.len() != 1 {
                return Err(format!("{place}: several branches without a tag"));
            }
            for branch in &block.branches {
                if branch.value.is_some() != block.tag.is_some() {
                    return Err(format!("{place}: a tag without its value"));
                }
                let inner = self.unit(&branch.unit, scope, &place)?;
                self.body(&branch.body, inner, &place, depth + 1)?;
            }
        }
        Ok(())
    }

    fn attribute(&self, attribute: &AttributeTable, scope: Scope, place: &str) -> Result<(), String> {
        match attribute.codec {
            CodecTable::Code { table } if table as usize >= self.codes => {
                return Err(format!("{place}: a code table that does not exist"));
            }
            CodecTable::Period { qualifier: 0 } => return Err(format!("{place}: element 0")),
            _ => {}
        }
        self.slot(&attribute.slot, scope, place)
    }

    fn slot(&self, slot: &SlotTable, scope: Scope, place: &str) -> Result<(), String> {
        if let Some(route) = &slot.route {
            self.route(route, scope, place)?;
            if route.segments.is_empty() {
                return Err(format!("{place}: a loop has no value"));
            }
        } else if scope.is_some() {
            return Err(format!("{place}: no segment to read from"));
        }
        if slot.conditions.iter().any(|on| on.component == 0 || on.any_of.is_empty()) {
            return Err(format!("{place}: a condition on nothing"));
        }
        let (element, component) = match slot.place {
            PlaceTable::Element { element, component } => (element, component),
            PlaceTable::Offset { component, .. } | PlaceTable::Component { component } => (1, component),
        };
        if element == 0 || component == 0 {
            return Err(format!("{place}: element or component 0"));
        }
        let relative = !matches!(slot.place, PlaceTable::Element { .. });
        if relative && slot.route.is_some() {
            return Err(format!("{place}: a relative place in another segment"));
        }
        Ok(())
    }

    /// The scope of the rules inside the unit.
    fn unit(&self, unit: &UnitTable, scope: Scope, place: &str) -> Result<Scope, String> {
        let inner = match &unit.route {
            Some(route) => {
                let node = self.route(route, scope, place)?;
                route.segments.is_empty().then_some(node)
            }
            None => scope,
        };
        let fits = match unit.part {
            PartTable::Whole => return Ok(inner),
            PartTable::Composite { element } | PartTable::Repetitions { element } => element > 0,
            PartTable::Composites { first, last } => first > 0 && first <= last,
            PartTable::Groups { first, last, step } => first > 0 && first <= last && step > 0,
        };
        if !fits || inner.is_some() {
            return Err(format!("{place}: positions that no segment has"));
        }
        Ok(None)
    }

    /// The loop that the route leads to.
    fn route(&self, route: &RouteTable, scope: Scope, place: &str) -> Result<u32, String> {
        let scope = scope.ok_or_else(|| format!("{place}: a path to a loop from inside a segment"))?;
        if !self.encloses(route.base, scope) {
            return Err(format!("{place}: its base does not enclose it"));
        }
        let mut at = route.base;
        for node in &route.loops {
            if self.outline.loops.get(*node as usize).is_none_or(|next| next.parent != at || next.wrapper) {
                return Err(format!("{place}: loop {node} is no child of loop {at}"));
            }
            at = *node;
        }
        let ours = |node: &u32| self.outline.segments.get(*node as usize).is_some_and(|of| of.parent == at);
        if !route.segments.iter().all(ours) {
            return Err(format!("{place}: a segment that is not in loop {at}"));
        }
        if route.conditions.iter().any(|on| on.element == 0 || on.component == 0 || on.any_of.is_empty()) {
            return Err(format!("{place}: a condition on nothing"));
        }
        Ok(at)
    }
}
