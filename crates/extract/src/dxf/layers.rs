//! Layer names to layers, whether the table or an entity names them first. Names differ in more than letter case.
//! Never looks a name up twice in a row.

use super::pairs::Pairs;
use super::text::decode;
use drawing::{Layer, LayerId, LayerRules};
use encoding_rs::Encoding;
use std::collections::{HashMap, HashSet};

/// Layers in the order they were met.
pub(super) struct Layers<'a> {
    pub(super) list: Vec<Layer>,
    /// Names beyond the limit, all filed under the last layer.
    pub(super) refused: u64,
    rules: &'a LayerRules,
    layers_max: usize,
    frozen: HashSet<LayerId>,
    by_bytes: HashMap<&'a [u8], LayerId>,
    by_name: HashMap<String, LayerId>,
    last: Option<(&'a [u8], LayerId)>,
}

const NAME_BYTES_MAX: usize = 255;
const FROZEN: i64 = 1;

impl<'a> Layers<'a> {
    pub(super) fn new(rules: &'a LayerRules, layers_max: usize) -> Self {
        Self {
            list: Vec::new(),
            refused: 0,
            rules,
            layers_max: layers_max.max(1),
            frozen: HashSet::new(),
            by_bytes: HashMap::new(),
            by_name: HashMap::new(),
            last: None,
        }
    }

    /// The layer of this name, made when new.
    pub(super) fn id(&mut self, name: &'a [u8], encoding: &'static Encoding) -> LayerId {
        if let Some((last, id)) = self.last
            && last == name
        {
            return id;
        }
        let id = match self.by_bytes.get(name) {
            Some(id) => *id,
            None => self.add(name, encoding),
        };
        self.last = Some((name, id));
        id
    }

    /// Reads one LAYER entry of the table: off is a negative colour, frozen a flag.
    pub(super) fn read_entry(&mut self, pairs: &mut Pairs<'a>, encoding: &'static Encoding) {
        let (mut name, mut lit, mut frozen) = (None, true, false);
        while let Some(pair) = pairs.field() {
            match pair.code {
                2 => name = Some(pair.word()),
                62 => lit = pair.integer().is_none_or(|colour| colour >= 0),
                70 => frozen = pair.integer().is_some_and(|flags| flags & FROZEN != 0),
                _ => {}
            }
        }
        let Some(name) = name else { return };
        let id = self.id(name, encoding);
        if let Some(layer) = self.list.get_mut(id.0 as usize) {
            layer.visible = lit && !frozen;
        }
        if frozen {
            self.frozen.insert(id);
        }
    }

    /// Whether an INSERT on this layer hides all that its block holds, whatever layers that is on.
    pub(super) fn is_frozen(&self, id: LayerId) -> bool {
        self.frozen.contains(&id)
    }

    /// Whether this is layer 0: in a block, it stands for the layer of the INSERT.
    pub(super) fn is_zero(&self, id: LayerId) -> bool {
        let layer = self.list.get(id.0 as usize);
        layer.is_some_and(|layer| layer.name == "0")
    }

    fn add(&mut self, bytes: &'a [u8], encoding: &'static Encoding) -> LayerId {
        let kept = bytes.get(..NAME_BYTES_MAX).unwrap_or(bytes);
        let name = super::text::plain(&decode(kept, encoding));
        let key = name.to_lowercase();
        if let Some(id) = self.by_name.get(&key) {
            self.by_bytes.insert(bytes, *id);
            return *id;
        }
        let next = LayerId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        if self.list.len() >= self.layers_max {
            self.refused += 1;
            return LayerId(next.0.saturating_sub(1));
        }
        self.list.push(Layer {
            operation: self.rules.operation(&name),
            name,
            visible: true,
        });
        self.by_name.insert(key, next);
        self.by_bytes.insert(bytes, next);
        next
    }
}
