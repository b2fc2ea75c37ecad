//! The run-together lists of corners and of the pieces between them (`VertList`, `PrimList`), and their older form as
//! elements. Never fails: what cannot be read is counted.

use drawing::Point;
use std::str::FromStr;

/// A corner with its two handles; a handle that is absent lies on the corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Corner {
    pub(super) at: Point,
    pub(super) leaving: Point,
    pub(super) arriving: Point,
}

/// A straight (`L`) or curved (`B`) piece from one corner to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) curved: bool,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// How the corners of a path are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    /// `LineClosed`
    Closed,
    /// `LineOpen`
    Open,
    /// Nothing is said: a closed loop through all corners, curved where there are handles.
    Implied,
    Listed(Vec<Piece>),
}

/// A list as far as it could be read.
pub(super) struct Listed<T> {
    pub(super) list: T,
    /// Something in it was not understood.
    pub(super) damaged: bool,
    /// It held more than was allowed.
    pub(super) cut: bool,
}

/// Coordinates of a corner as they were found; `c0x` and `c1x` say nothing without their `y`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CornerFields {
    pub(super) x: Option<f64>,
    pub(super) y: Option<f64>,
    pub(super) c0x: Option<f64>,
    pub(super) c0y: Option<f64>,
    pub(super) c1x: Option<f64>,
    pub(super) c1y: Option<f64>,
}

impl CornerFields {
    /// The corner; its place is not finite when a coordinate is absent.
    pub(super) fn corner(self) -> Corner {
        let missing = f64::NAN;
        let at = Point::new(self.x.unwrap_or(missing), self.y.unwrap_or(missing));
        let handle = |x: Option<f64>, y: Option<f64>| {
            let (Some(x), Some(y)) = (x, y) else {
                return at;
            };
            Some(Point::new(x, y))
                .filter(|handle| handle.is_finite())
                .unwrap_or(at)
        };
        Corner {
            at,
            leaving: handle(self.c0x, self.c0y),
            arriving: handle(self.c1x, self.c1y),
        }
    }
}

/// Reads `V1 2c0x3c0y4c1x1V…`, at most `max` corners.
pub(super) fn corners(text: &str, max: usize) -> Listed<Vec<Corner>> {
    let mut scan = Scan::new(text);
    let (mut list, mut damaged) = (Vec::new(), false);
    let mut open: Option<CornerFields> = None;
    loop {
        match scan.word() {
            None => break,
            Some("V") => {
                list.extend(open.take().map(CornerFields::corner));
                if list.len() >= max {
                    return Listed {
                        list,
                        damaged,
                        cut: true,
                    };
                }
                open = Some(CornerFields {
                    x: scan.number(),
                    y: scan.number(),
                    ..CornerFields::default()
                });
            }
            Some("S") => {}
            Some(word) => {
                let field = open.as_mut().and_then(|corner| match word {
                    "c0x" => Some(&mut corner.c0x),
                    "c0y" => Some(&mut corner.c0y),
                    "c1x" => Some(&mut corner.c1x),
                    "c1y" => Some(&mut corner.c1y),
                    _ => None,
                });
                let number = scan.number();
                damaged |= field.is_none() || number.is_none();
                if let Some(field) = field {
                    *field = number;
                }
            }
        }
    }
    list.extend(open.map(CornerFields::corner));
    damaged |= list.iter().any(|corner| !corner.at.is_finite());
    Listed {
        list,
        damaged,
        cut: false,
    }
}

/// Reads `L0 1B1 2…` or one of the words; at most `max` pieces.
pub(super) fn pieces(text: &str, max: usize) -> Listed<Pieces> {
    let whole = |list| Listed {
        list,
        damaged: false,
        cut: false,
    };
    match text.trim() {
        "" => return whole(Pieces::Implied),
        "LineClosed" => return whole(Pieces::Closed),
        "LineOpen" => return whole(Pieces::Open),
        _ => {}
    }
    let mut scan = Scan::new(text);
    let (mut list, mut damaged) = (Vec::new(), false);
    while let Some(word) = scan.word() {
        let piece = piece(word, scan.number(), scan.number());
        damaged |= piece.is_none();
        if list.len() >= max {
            return Listed {
                list: Pieces::Listed(list),
                damaged,
                cut: true,
            };
        }
        list.extend(piece);
    }
    Listed {
        list: Pieces::Listed(list),
        damaged,
        cut: false,
    }
}

/// A piece by its letter and its two corners.
pub(super) fn piece(letter: &str, from: Option<u32>, to: Option<u32>) -> Option<Piece> {
    let curved = match letter {
        "L" => false,
        "B" => true,
        _ => return None,
    };
    Some(Piece {
        curved,
        from: from?,
        to: to?,
    })
}

/// Words and numbers that may stand without anything between them.
struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn take(&mut self, end: impl FnMut(char) -> bool) -> &'a str {
        let length = self.rest.find(end).unwrap_or(self.rest.len());
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// The next name: `V`, `S`, `L`, `B`, or `c0x` and its like. What stands before it is passed over.
    fn word(&mut self) -> Option<&'a str> {
        self.take(|c| c.is_ascii_alphabetic());
        const HANDLE: usize = 3;
        let handle = self.rest.split_at_checked(HANDLE);
        let length = match self.rest.chars().next()? {
            'c' if handle.is_some() => HANDLE,
            _ => 1,
        };
        let (word, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(word)
    }

    /// The number that follows; nothing when a word does, or when it cannot be read.
    fn number<T: FromStr>(&mut self) -> Option<T> {
        self.take(|c| !c.is_ascii_whitespace() && c != ',');
        let number = |c: char| matches!(c, '0'..='9' | '.' | '-' | '+' | 'e' | 'E');
        self.take(|c| !number(c)).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64) -> Point {
        Point::new(x, y)
    }

    #[test]
    fn corners_run_together() {
        let read = corners("V1 2c0x1c1x1V-3.5 4e-1c0x5c0y6c1x1SV7,8 c1x9c1y-10", 10);
        assert!(!read.damaged && !read.cut);
        let none = |point| Corner {
            at: point,
            leaving: point,
            arriving: point,
        };
        assert_eq!(
            read.list,
            [
                none(at(1.0, 2.0)),
                Corner {
                    leaving: at(5.0, 6.0),
                    ..none(at(-3.5, 0.4))
                },
                Corner {
                    arriving: at(9.0, -10.0),
                    ..none(at(7.0, 8.0))
                },
            ]
        );
    }

    #[test]
    fn damaged_lists_say_so() {
        for (text, count) in [
            ("V1", 1),
            ("Vnan nan", 1),
            ("V1 2x7V3 4", 2),
            ("c0x1V1 2", 1),
            ("V1 2c0xV3 4", 2),
            ("V1e999 2", 1),
        ] {
            let read = corners(text, 10);
            assert!(read.damaged, "{text}");
            assert_eq!(read.list.len(), count, "{text}");
        }
        assert!(corners("V1 2V3 4V5 6", 2).cut);
        assert!(corners("", 2).list.is_empty());
        assert!(pieces("L0 1X1 2L2 3", 9).damaged);
        assert!(pieces("L0", 9).damaged);
        assert!(pieces("L0 -1", 9).damaged);
        assert!(pieces("L0 1L1 2", 1).cut);
    }

    #[test]
    fn pieces_are_listed_or_named() {
        assert_eq!(pieces(" LineClosed ", 9).list, Pieces::Closed);
        assert_eq!(pieces("LineOpen", 9).list, Pieces::Open);
        assert_eq!(pieces(" ", 9).list, Pieces::Implied);
        let listed = |list: &[(bool, u32, u32)]| {
            let piece = |(curved, from, to): &(bool, u32, u32)| Piece {
                curved: *curved,
                from: *from,
                to: *to,
            };
            Pieces::Listed(list.iter().map(piece).collect())
        };
        assert_eq!(
            pieces("L0 1L1 2B2 0", 9).list,
            listed(&[(false, 0, 1), (false, 1, 2), (true, 2, 0)])
        );
    }
}
