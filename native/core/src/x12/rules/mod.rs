//! Rules beyond the grammar (SNIP 3 to 7), judged when their anchor loop closes, over what the tree holds.
//!
//! A rule is data; the few kinds here are the whole language. Values that are not of the form a rule needs
//! (a sum over something that is no decimal) are the element checks' business: such a rule says nothing.

mod checks;
mod path;

use std::sync::Arc;

use crate::tables::{CheckTable, ConditionTable, GuideTable, RuleKindTable, RuleTable, SlotPathTable, TermTable};
use crate::x12::check::all_digits;
use crate::x12::decimal;
use crate::x12::finding::RuleMark;
use crate::x12::guide::CodeSet;
use crate::x12::tree::{NONE, Tree};
use checks::{count, first_date, is_npi, last_date, unique};
use path::{Found, Path, Texts, bytes, text};

struct Condition {
    path: Path,
    any_of: Texts,
    negated: bool,
}

enum Kind {
    Balance { when: Box<[Condition]>, left: Box<[(i8, Path)]>, right: Box<[(i8, Path)]> },
    Requires { when: Box<[Condition]>, then: Box<[Condition]> },
    Forbids { when: Box<[Condition]>, then: Box<[Condition]> },
    Codes { value: Path, code_set: u32 },
    Check { check: CheckTable, values: Box<[Path]> },
}

/// What must stand in the anchor for a rule to have anything to say; counted by the walk anyway.
enum Gate {
    Open,
    Segments(Box<[u32]>),
    Loops(Box<[u32]>),
}

impl Gate {
    /// From the paths that a rule starts from: it speaks only where one of them has a value.
    fn new(anchor: u32, starts: &[&Path]) -> Self {
        if starts.is_empty() || starts.iter().any(|path| path.base != anchor) {
            Self::Open
        } else if starts.iter().all(|path| path.loops.is_empty()) {
            Self::Segments(starts.iter().flat_map(|path| path.segments.iter().copied()).collect())
        } else if starts.iter().all(|path| !path.loops.is_empty()) {
            Self::Loops(starts.iter().map(|path| path.loops[0]).collect())
        } else {
            Self::Open
        }
    }

    fn lets_through(&self, counts: &Counts) -> bool {
        match self {
            Self::Open => true,
            Self::Segments(any) => any.iter().any(|node| counts.segments[*node as usize] > 0),
            Self::Loops(any) => any.iter().any(|node| counts.loops[*node as usize] > 0),
        }
    }
}

/// How often each segment and loop of the guide stands in its present parent.
#[derive(Clone, Copy)]
pub struct Counts<'a> {
    pub segments: &'a [u32],
    pub loops: &'a [u32],
}

/// What rules are judged over.
pub struct Evidence<'a> {
    pub tree: &'a Tree,
    pub counts: Counts<'a>,
    pub code_sets: &'a [CodeSet],
    /// CCYYMMDD; empty = nothing is said of the future.
    pub today: &'a [u8],
}

struct Rule {
    gate: Gate,
    mark: Arc<RuleMark>,
    at: Option<Path>,
    kind: Kind,
}

/// The rules of one program, by anchor loop.
#[derive(Default)]
pub struct Rules {
    by_loop: Vec<Vec<Rule>>,
}

/// A broken rule: where it points (a segment, and a slot of it) and what made it apply.
pub struct Broken {
    pub mark: Arc<RuleMark>,
    pub segment: u32,
    /// Index into the tree's slots; `NONE` = the whole segment.
    pub slot: u32,
    /// (segment, slot) of the value that made a situational rule apply.
    pub trigger: Option<(u32, u32)>,
    /// The guide segment that is missing, where the rule's carrier is IK304: the finding names it instead.
    pub missing: Option<u32>,
}

/// A finding that reports a whole segment (IK304, AK304).
const SEGMENT_CARRIER: &str = "IK304";

/// Whether a condition holds, and by which value.
#[derive(Clone, Copy)]
enum Held {
    No,
    ByAbsence,
    By(Found),
}

impl Condition {
    fn compile(table: &ConditionTable, guide: &GuideTable) -> Result<Self, String> {
        Ok(Self { path: Path::compile(&table.value, guide)?, any_of: bytes(&table.any_of), negated: table.negated })
    }

    fn holds(&self, tree: &Tree, anchor: u32) -> Held {
        let mut hit = None;
        self.path.walk(tree, anchor, &mut |found| {
            if self.any_of.is_empty() || self.any_of.iter().any(|wanted| **wanted == *text(tree, found)) {
                hit = Some(found);
            }
            hit.is_none()
        });
        match (hit, self.negated) {
            (Some(found), false) => Held::By(found),
            (None, true) => Held::ByAbsence,
            _ => Held::No,
        }
    }
}

/// All conditions hold, by the first value among them.
fn all_hold(conditions: &[Condition], tree: &Tree, anchor: u32) -> Held {
    let mut first = Held::ByAbsence;
    for condition in conditions {
        match (condition.holds(tree, anchor), first) {
            (Held::No, _) => return Held::No,
            (held, Held::ByAbsence) => first = held,
            _ => {}
        }
    }
    first
}

impl Rules {
    /// Refuses rules whose paths, anchors or code sets point nowhere; the text names the rule.
    pub fn compile(tables: &[RuleTable], guide: &GuideTable, code_sets: usize) -> Result<Self, String> {
        let mut by_loop: Vec<Vec<Rule>> = guide.loops.iter().map(|_| Vec::new()).collect();
        for table in tables {
            let rule = compile(table, guide, code_sets).map_err(|fault| format!("rule {}: {fault}", table.id))?;
            by_loop
                .get_mut(table.anchor as usize)
                .ok_or_else(|| format!("rule {}: its anchor does not exist", table.id))?
                .push(rule);
        }
        Ok(Self { by_loop })
    }

    pub fn anchored(&self, of: u32) -> bool {
        !self.by_loop[of as usize].is_empty()
    }

    /// Judges one loop instance; every rule reports at most once for each value it points to.
    pub fn judge(&self, evidence: &Evidence, node: u32, anchor: u32, broken: &mut Vec<Broken>) {
        for rule in self.by_loop[node as usize].iter().filter(|rule| rule.gate.lets_through(&evidence.counts)) {
            rule.judge(evidence, anchor, broken);
        }
    }
}

fn compile(table: &RuleTable, guide: &GuideTable, code_sets: usize) -> Result<Rule, String> {
    let path = |path: &SlotPathTable| Path::compile(path, guide);
    let conditions = |list: &[ConditionTable]| -> Result<Box<[Condition]>, String> {
        list.iter().map(|condition| Condition::compile(condition, guide)).collect()
    };
    let terms = |list: &[TermTable]| -> Result<Box<[(i8, Path)]>, String> {
        list.iter().map(|term| Ok((term.sign, path(&term.value)?))).collect()
    };
    let kind = match &table.kind {
        RuleKindTable::Balance { when, left, right } => {
            Kind::Balance { when: conditions(when)?, left: terms(left)?, right: terms(right)? }
        }
        RuleKindTable::Requires { when, then } => Kind::Requires { when: conditions(when)?, then: conditions(then)? },
        RuleKindTable::Forbids { when, then } => Kind::Forbids { when: conditions(when)?, then: conditions(then)? },
        RuleKindTable::Codes { value, code_set } if (*code_set as usize) < code_sets => {
            Kind::Codes { value: path(value)?, code_set: *code_set }
        }
        RuleKindTable::Codes { .. } => return Err("its code set does not exist".into()),
        RuleKindTable::Check { check, values } => {
            let needed = if *check == CheckTable::PointerExists { 2 } else { 1 };
            if values.len() < needed {
                return Err("too few values for its check".into());
            }
            Kind::Check { check: *check, values: values.iter().map(path).collect::<Result<_, _>>()? }
        }
    };
    let starts: Vec<&Path> = match &kind {
        Kind::Balance { when, left, .. } => match when.iter().find(|condition| !condition.negated) {
            Some(condition) => vec![&condition.path],
            None => left.iter().map(|term| &term.1).collect(),
        },
        Kind::Requires { when, .. } | Kind::Forbids { when, .. } => {
            when.iter().find(|condition| !condition.negated).map(|condition| &condition.path).into_iter().collect()
        }
        Kind::Codes { value, .. } => vec![value],
        Kind::Check { check: CheckTable::PointerExists | CheckTable::Sequence, values } => vec![&values[0]],
        Kind::Check { values, .. } => values.iter().collect(),
    };
    let gate = Gate::new(table.anchor, &starts);
    let (carrier, code) = table.carrier.split_once(':').unwrap_or(("", ""));
    Ok(Rule {
        gate,
        mark: Arc::new(RuleMark {
            id: table.id.clone(),
            snip: table.snip,
            carrier: carrier.into(),
            code: code.into(),
            severity: table.severity,
        }),
        at: table.at.as_ref().map(path).transpose()?,
        kind,
    })
}

impl Rule {
    fn judge(&self, evidence: &Evidence, anchor: u32, broken: &mut Vec<Broken>) {
        let Evidence { tree, code_sets, today, .. } = *evidence;
        match &self.kind {
            Kind::Balance { when, left, right } => {
                let applies = !matches!(all_hold(when, tree, anchor), Held::No);
                if applies && unbalanced(tree, anchor, left, right) {
                    broken.push(self.broken(tree, anchor, left.first().map(|term| &term.1), Held::ByAbsence));
                }
            }
            Kind::Requires { when, then } => {
                let trigger = all_hold(when, tree, anchor);
                if !matches!(trigger, Held::No) {
                    let unmet = then.iter().find(|condition| matches!(condition.holds(tree, anchor), Held::No));
                    if let Some(unmet) = unmet {
                        let mut found = self.broken(tree, anchor, None, trigger);
                        if self.mark.carrier == SEGMENT_CARRIER {
                            found.missing = unmet.path.segments.first().copied();
                        }
                        broken.push(found);
                    }
                }
            }
            Kind::Forbids { when, then } => {
                let trigger = all_hold(when, tree, anchor);
                if !matches!(trigger, Held::No) {
                    for condition in then {
                        let held = condition.holds(tree, anchor);
                        if !matches!(held, Held::No) {
                            let mut found = self.broken(tree, anchor, None, trigger);
                            if let (None, Held::By(at)) = (&self.at, held) {
                                (found.segment, found.slot) = (at.segment, at.slot);
                            }
                            broken.push(found);
                        }
                    }
                }
            }
            Kind::Codes { value, code_set } => {
                let codes = &code_sets[*code_set as usize];
                value.walk(tree, anchor, &mut |found| {
                    if !codes.contains(text(tree, found)) {
                        broken.push(self.at_value(found));
                    }
                    true
                });
            }
            Kind::Check { check, values } => self.check(*check, values, tree, anchor, today, broken),
        }
    }

    fn check(
        &self,
        check: CheckTable,
        paths: &[Path],
        tree: &Tree,
        anchor: u32,
        today: &[u8],
        broken: &mut Vec<Broken>,
    ) {
        let mut each = |path: &Path, fits: &mut dyn FnMut(&[u8]) -> bool| {
            path.walk(tree, anchor, &mut |found| {
                if !fits(text(tree, found)) {
                    broken.push(self.at_value(found));
                }
                true
            });
        };
        match check {
            CheckTable::Npi => {
                for path in paths {
                    each(path, &mut is_npi);
                }
            }
            CheckTable::NotInFuture => {
                for path in paths {
                    each(path, &mut |value| today.is_empty() || first_date(value) <= today);
                }
            }
            CheckTable::Unique => unique(paths, tree, anchor, &mut |found| broken.push(self.at_value(found))),
            CheckTable::Sequence => {
                let mut expected = 0_u64;
                each(&paths[0], &mut |value| {
                    expected += 1;
                    !all_digits(value) || value.len() > 18 || count(value) == expected
                });
            }
            CheckTable::PointerExists => {
                let mut available = 0_u64;
                paths[1].walk(tree, anchor, &mut |_| {
                    available += 1;
                    true
                });
                each(&paths[0], &mut |value| {
                    all_digits(value) && value.len() < 18 && (1..=available).contains(&count(value))
                });
            }
            CheckTable::DatesInOrder => {
                let mut before: Vec<u8> = Vec::new();
                for path in paths {
                    let mut latest = before.clone();
                    each(path, &mut |value| {
                        let fits = before.is_empty() || last_date(value) >= before.as_slice();
                        latest = last_date(value).to_vec();
                        fits
                    });
                    before = latest;
                }
            }
        }
    }

    fn at_value(&self, found: Found) -> Broken {
        Broken { mark: Arc::clone(&self.mark), segment: found.segment, slot: found.slot, trigger: None, missing: None }
    }

    /// Points to `at`, else to `fallback`, else to the segment that opened the anchor.
    fn broken(&self, tree: &Tree, anchor: u32, fallback: Option<&Path>, trigger: Held) -> Broken {
        let place = self.at.as_ref().or(fallback).and_then(|path| path.first(tree, anchor));
        let (segment, slot) =
            place.map_or((tree.loops[anchor as usize].first_segment, NONE), |found| (found.segment, found.slot));
        Broken {
            mark: Arc::clone(&self.mark),
            segment,
            slot,
            trigger: match trigger {
                Held::By(found) => Some((found.segment, found.slot)),
                Held::No | Held::ByAbsence => None,
            },
            missing: None,
        }
    }
}

/// The sum of the terms; None where nothing was there or something is no decimal.
fn sum(tree: &Tree, anchor: u32, terms: &[(i8, Path)]) -> Option<(i128, bool)> {
    let (mut total, mut any) = (0_i128, false);
    for (sign, path) in terms {
        let clean = path.walk(tree, anchor, &mut |found| {
            any = true;
            match decimal::parse(text(tree, found)) {
                Some(amount) => {
                    total += i128::from(*sign) * amount;
                    true
                }
                None => false,
            }
        });
        if !clean {
            return None;
        }
    }
    Some((total, any))
}

fn unbalanced(tree: &Tree, anchor: u32, left: &[(i8, Path)], right: &[(i8, Path)]) -> bool {
    match (sum(tree, anchor, left), sum(tree, anchor, right)) {
        (Some((left, true)), Some((right, _))) => left != right,
        _ => false,
    }
}
