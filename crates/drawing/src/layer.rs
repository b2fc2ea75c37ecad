//! Layers and what is done with them. Never decides whether a curve is cut: `Layer::is_cut` says it from the two facts.

use serde::{Deserialize, Serialize};

/// What the machine does with a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    #[default]
    Cut,
    Engrave,
    Bend,
    Ignore,
}

/// A layer as the drawing has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub name: String,
    /// Neither off nor frozen.
    pub visible: bool,
    pub operation: Operation,
}

impl Layer {
    /// Whether curves of this layer are cut.
    pub fn is_cut(&self) -> bool {
        self.visible && self.operation == Operation::Cut
    }
}

/// Which words in a layer's name mean which operation. A rule's word must stand alone in the name or begin one of its
/// words when it ends in `*`; letter case never matters. The first rule that fits decides; a name that fits none is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerRules {
    pub cut: Vec<String>,
    pub engrave: Vec<String>,
    pub bend: Vec<String>,
    pub ignore: Vec<String>,
}

impl Default for LayerRules {
    fn default() -> Self {
        let words = |list: &str| list.split(' ').map(String::from).collect();
        Self {
            cut: words("cut* outline* profile* contour* perimeter hole* drill* bore*"),
            engrave: words("engrav* etch* mark* scribe* score* raster"),
            bend: words("bend* fold* biege* kant*"),
            ignore: words(
                "defpoints dim dims dimension* note* annot* title* titleblock frame construction center centre \
                 centerline* centreline* hidden* hatch* viewport* reference",
            ),
        }
    }
}

impl LayerRules {
    /// The operation that a layer's name asks for.
    pub fn operation(&self, name: &str) -> Operation {
        let name = name.to_lowercase();
        let rules = [
            (&self.cut, Operation::Cut),
            (&self.engrave, Operation::Engrave),
            (&self.bend, Operation::Bend),
            (&self.ignore, Operation::Ignore),
        ];
        rules
            .into_iter()
            .find(|(words, _)| words.iter().any(|word| has_word(&name, word)))
            .map_or(Operation::Cut, |(_, operation)| operation)
    }
}

fn has_word(name: &str, rule: &str) -> bool {
    name.split(|c: char| !c.is_alphabetic())
        .any(|word| match rule.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == rule,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_operation() {
        let cases = [
            ("0", Operation::Cut),
            ("Layer_0", Operation::Cut),
            ("CUT", Operation::Cut),
            ("Outline-Title", Operation::Cut),
            ("Engrave 0.2mm", Operation::Engrave),
            ("ETCHING", Operation::Engrave),
            ("IV_BEND_DOWN", Operation::Bend),
            ("Bendlines", Operation::Bend),
            ("Defpoints", Operation::Ignore),
            ("DIM", Operation::Ignore),
            ("Dimples", Operation::Cut),
            ("centre line", Operation::Ignore),
            ("Über", Operation::Cut),
        ];
        for (name, operation) in cases {
            assert_eq!(LayerRules::default().operation(name), operation, "{name}");
        }
    }
}
