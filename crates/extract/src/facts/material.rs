//! The table of materials and their aliases, as data; it must never turn an unknown word into a known material.

use serde::{Deserialize, Serialize};

/// One material as the shop calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Material {
    /// The name in facts and on the wire: `Mild Steel`.
    pub name: String,
    /// The code in stored names: `MS`.
    pub code: String,
    /// Other words for it; letter case, blanks and punctuation do not matter.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// All materials a shop knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Materials(pub Vec<Material>);

/// Name, code, aliases.
const SHIPPED: [(&str, &str, &[&str]); 10] = [
    ("Aluminum", "AL", &["Aluminium", "Alu", "Alum", "Ally"]),
    ("Brass", "BR", &[]),
    ("Carbon Steel", "CS", &["Carbon"]),
    ("Copper", "CU", &[]),
    (
        "Galvanized Steel",
        "GALV",
        &[
            "Galvanized",
            "Galvanised",
            "Galvanised Steel",
            "Galvan",
            "Galv Steel",
            "GI",
        ],
    ),
    (
        "Mild Steel",
        "MS",
        &[
            "Mild", "MildSt", "S235", "S275", "S355", "S355JR", "S275JR", "S235JR", "300WA",
        ],
    ),
    (
        "Stainless Steel",
        "SS",
        &[
            "Stainless",
            "Inox",
            "SST",
            "S/S",
            "SS304",
            "SS316",
            "SS430",
            "304SS",
            "316SS",
            "430SS",
            "304L",
            "316L",
            "3CR12",
            "Stainless 304",
            "Stainless 316",
        ],
    ),
    (
        "Vastrap",
        "VAST",
        &[
            "Vas",
            "Vas Trap",
            "Vastrap Plate",
            "Chequer Plate",
            "Checker Plate",
            "Checkered Plate",
        ],
    ),
    ("Zinc", "ZN", &[]),
    ("Other", "OTH", &[]),
];

impl Default for Materials {
    fn default() -> Self {
        let owned = |&(name, code, aliases): &(&str, &str, &[&str])| Material {
            name: name.to_owned(),
            code: code.to_owned(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        };
        Self(SHIPPED.iter().map(owned).collect())
    }
}

/// What of a word decides whether it names a material.
fn letters(word: &str) -> impl Iterator<Item = char> {
    word.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

impl Materials {
    /// The material a word names, where a material is expected: any letter case, name, code or alias.
    pub fn find(&self, word: &str) -> Option<&Material> {
        let names = |material: &&Material| {
            let own = [&material.name, &material.code];
            own.into_iter()
                .chain(&material.aliases)
                .any(|name| letters(name).eq(letters(word)))
        };
        letters(word).next().and_then(|_| self.0.iter().find(names))
    }

    /// The material a word names among other words. Stricter than [`Self::find`]: two-letter codes count only as they are
    /// written in a workshop (`MS`, `Al`), and `Other` is an ordinary word.
    pub fn find_among_words(&self, word: &str) -> Option<&Material> {
        let material = self.find(word).filter(|material| material.code != "OTH")?;
        let written = |code: &str| {
            let mut title = code.to_lowercase();
            if let Some(first) = title.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            word == code || (code == "AL" && word == title)
        };
        (word.len() > 2
            || written(&material.code)
            || material.aliases.iter().any(|alias| alias == word))
        .then_some(material)
    }

    /// The code of a material's name, for stored names.
    pub fn code_of(&self, name: &str) -> Option<&str> {
        self.find(name).map(|material| material.code.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_seen_in_the_shop_is_known_in_its_place() {
        let materials = Materials::default();
        for (words, name) in [
            ("VAS VAST Vas Vastrap VASTRAP vastrap", "Vastrap"),
            (
                "Galv GaLv GALV galv Galvanized Galvanised",
                "Galvanized Steel",
            ),
            ("MS ms Ms Mild mild S355", "Mild Steel"),
            ("SS ss Stainless inox 3CR12", "Stainless Steel"),
            ("Al AL Alu Aluminum Aluminium", "Aluminum"),
            ("CS Carbon", "Carbon Steel"),
            ("Brass BR", "Brass"),
            ("Copper CU", "Copper"),
            ("Zinc ZN", "Zinc"),
            ("Other OTH", "Other"),
        ] {
            for word in words.split(' ') {
                assert_eq!(
                    materials.find(word).map(|m| m.name.as_str()),
                    Some(name),
                    "{word}"
                );
            }
        }
        assert_eq!(materials.code_of("mild steel"), Some("MS"));
    }

    #[test]
    fn unknown_words_stay_unknown_and_short_codes_are_not_seen_everywhere() {
        let materials = Materials::default();
        for word in [
            "",
            " ",
            "Sureaz",
            "MNG",
            "ColS",
            "value",
            "evaluation",
            "carbonate",
        ] {
            assert!(materials.find(word).is_none(), "{word}");
        }
        for word in ["al", "ms", "cs", "Ss", "Other", "br"] {
            assert!(materials.find_among_words(word).is_none(), "{word}");
        }
        for word in ["MS", "SS", "Al", "AL", "Galv", "vastrap", "GI"] {
            assert!(materials.find_among_words(word).is_some(), "{word}");
        }
    }
}
