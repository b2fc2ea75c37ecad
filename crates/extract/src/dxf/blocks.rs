//! Block definitions: where each begins in the file, and what it holds, read when it is first inserted. A block is read
//! once however often it is inserted, and never when nothing inserts it.

use super::entity::Found;
use super::fields::Fields;
use super::insert::Insert;
use super::pairs::Pairs;
use super::shared::{Shared, Taken};
use super::tally::{ByType, Passed, name, pass};
use super::text::{decode, plain};
use crate::diagnostic::Severity;
use drawing::{Curve, Drawing, Extents, LayerId, Point, Text};
use encoding_rs::Encoding;
use std::collections::HashMap;

/// All blocks of a file.
#[derive(Default)]
pub(super) struct Blocks<'a> {
    list: Vec<Block<'a>>,
    by_name: HashMap<String, usize>,
    /// What the shapes of all blocks consist of.
    pub(super) shapes: Drawing,
    /// The section has been read: a block that is not there is missing.
    pub(super) is_complete: bool,
    /// Blocks beyond the limit.
    pub(super) refused: u64,
}

/// A place in [`Blocks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockId(pub(super) usize);

pub(super) struct Block<'a> {
    pub(super) name: String,
    pub(super) base: Point,
    /// Where its entities begin, until they are read.
    unread: Option<Pairs<'a>>,
    pub(super) content: Content<'a>,
}

/// What a block holds, in its own coordinates.
#[derive(Default)]
pub(super) struct Content<'a> {
    pub(super) curves: Vec<Curve>,
    /// Shown, never measured.
    pub(super) shown: Vec<Curve>,
    pub(super) texts: Vec<Text>,
    pub(super) inserts: Vec<Standing<'a>>,
    /// Entities whose lengths are missing.
    pub(super) left_out: ByType<'a>,
    /// The largest coordinate, sign aside.
    pub(super) farthest: f64,
}

/// An INSERT where it stands.
pub(super) struct Standing<'a> {
    pub(super) insert: Insert<'a>,
    pub(super) layer: LayerId,
    pub(super) line: u32,
    pub(super) target: Option<BlockId>,
}

const NAME_BYTES_MAX: usize = 255;

fn key(block: &[u8], encoding: &'static Encoding) -> String {
    let kept = block.get(..NAME_BYTES_MAX).unwrap_or(block);
    plain(&decode(kept, encoding)).to_lowercase()
}

impl<'a> Blocks<'a> {
    /// Reads a BLOCK record's own fields and notes where its entities begin. Answers its name in lower case.
    pub(super) fn define(&mut self, pairs: &mut Pairs<'a>, shared: &Shared<'a>) -> String {
        let mut fields = Fields::new(pairs);
        let (mut first, mut second, mut base) = (None, None, Point::default());
        while let Some(pair) = fields.next() {
            match pair.code {
                2 => first = Some(pair.word()),
                3 => second = Some(pair.word()),
                10 => base.x = fields.number(pair),
                20 => base.y = fields.number(pair),
                _ => {}
            }
        }
        let written = first.or(second).unwrap_or_default();
        let key = key(written, shared.encoding);
        if self.by_name.contains_key(&key) {
            return key;
        }
        if self.list.len() >= shared.limits.blocks_max {
            self.refused += 1;
            return key;
        }
        self.by_name.insert(key.clone(), self.list.len());
        let kept = written.get(..NAME_BYTES_MAX).unwrap_or(written);
        self.list.push(Block {
            name: plain(&decode(kept, shared.encoding)),
            base,
            unread: Some(pairs.clone()),
            content: Content::default(),
        });
        key
    }

    pub(super) fn get(&self, id: BlockId) -> Option<&Block<'a>> {
        self.list.get(id.0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Block<'a>> {
        self.list.iter()
    }

    /// The block of this name with all that it needs read; nothing when there is none.
    pub(super) fn ready(&mut self, block: &[u8], shared: &mut Shared<'a>) -> Option<BlockId> {
        let wanted = self.find(block, shared.encoding)?;
        let mut open = vec![wanted];
        while let Some(id) = open.pop() {
            let Some(pairs) = self
                .list
                .get_mut(id.0)
                .and_then(|block| block.unread.take())
            else {
                continue;
            };
            let mut content = self.read(pairs, shared);
            for standing in &mut content.inserts {
                standing.target = self.find(standing.insert.block, shared.encoding);
                open.extend(standing.target);
            }
            if let Some(block) = self.list.get_mut(id.0) {
                block.content = content;
            }
        }
        Some(wanted)
    }

    fn find(&self, block: &[u8], encoding: &'static Encoding) -> Option<BlockId> {
        self.by_name
            .get(&key(block, encoding))
            .copied()
            .map(BlockId)
    }

    fn read(&mut self, mut pairs: Pairs<'a>, shared: &mut Shared<'a>) -> Content<'a> {
        let mut content = Content::default();
        while let Some(record) = pairs.record() {
            match record.name {
                b"ENDBLK" | b"BLOCK" | b"ENDSEC" | b"EOF" => break,
                // A section has a name; a section plane has none.
                b"SECTION" if pairs.field().is_none_or(|pair| pair.code == 2) => break,
                b"VERTEX" | b"SEQEND" | b"ATTRIB" => continue,
                _ => {}
            }
            if shared.entities >= shared.limits.entities_max {
                break;
            }
            let taken = shared.take(record, &mut pairs, &mut self.shapes);
            if !taken.common.paper {
                let passed = Passed {
                    count: 1,
                    line: record.line,
                };
                content.take(record.name, passed, taken, shared);
            }
        }
        let curves = content.curves.iter().chain(&content.shown);
        let boxes = curves.filter_map(|curve| self.shapes.extents(curve));
        content.farthest = Extents::around(boxes).map_or(0.0, Extents::farthest);
        content
    }
}

impl<'a> Content<'a> {
    fn take(&mut self, kind: &'a [u8], passed: Passed, taken: Taken<'a>, shared: &mut Shared<'a>) {
        let layer = shared.layers.id(taken.common.layer, shared.encoding);
        let curve = |shape| Curve {
            shape,
            layer,
            origin: passed.line,
        };
        let mut is_left_out = taken.is_left_out;
        match taken.found {
            Some(Found::Shape(shape)) => self.curves.push(curve(shape)),
            Some(Found::Shown(shapes)) => self.shown.extend(shapes.into_iter().map(curve)),
            Some(Found::Text(value, place)) => self.texts.push(Text {
                value,
                layer,
                place,
            }),
            Some(Found::Insert(insert)) => self.inserts.push(Standing {
                insert: *insert,
                layer,
                line: passed.line,
                target: None,
            }),
            Some(Found::NotMeasured) => {
                let message = format!("{} in a block is not measured", name(kind));
                shared
                    .remarks
                    .at(Severity::Warning, "not_measured", passed.line, message);
                is_left_out = true;
            }
            Some(Found::Dimension(_) | Found::NotCut) | None => {}
        }
        if is_left_out {
            pass(&mut self.left_out, kind, passed);
        }
    }
}
