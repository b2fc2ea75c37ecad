//! Names that are passed over: programs write there still, or nobody means them to be taken in.

/// Patterns of names, `*` for anything; letter case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(Vec<Vec<char>>);

impl Patterns {
    pub fn new(patterns: &[String]) -> Self {
        let chars = |pattern: &String| pattern.trim().to_lowercase().chars().collect();
        Self(patterns.iter().map(chars).collect())
    }

    /// Whether one of them is this name.
    pub fn fit(&self, name: &str) -> bool {
        let name: Vec<char> = name.to_lowercase().chars().collect();
        self.0.iter().any(|pattern| fits(pattern, &name))
    }
}

/// Goes back to the last `*` only, so that the work is bounded by the product of both lengths.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut behind) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = name.get(behind) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, behind));
                at += 1;
            }
            Some(expected) if expected == c => {
                at += 1;
                behind += 1;
            }
            _ => match star {
                Some((back, from)) => {
                    star = Some((back, from + 1));
                    (at, behind) = (back + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_their_patterns() {
        let patterns = [".*", "~$*", "*.part", "*.tmp*", "a*b*c"].map(str::to_owned);
        let patterns = Patterns::new(&patterns);
        for name in [
            ".x",
            "~$List.xlsx",
            "a.dxf.PART",
            "x.tmp",
            "x.tmp12",
            "abc",
            "aXbYbZc",
        ] {
            assert!(patterns.fit(name), "{name}");
        }
        for name in ["x.dxf", "part", "a.part.dxf", "~x", "ab", "abcd", ""] {
            assert!(!patterns.fit(name), "{name}");
        }
        assert!(Patterns::new(&["*".to_owned()]).fit(""));
        // As much going back as there can be.
        let hostile = Patterns::new(&["*a".repeat(50) + "x"]);
        assert!(!hostile.fit(&"a".repeat(10_000)));
    }
}
