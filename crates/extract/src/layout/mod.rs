//! Words on a page become pieces, lines and bands in reading order. The same for printed and recognised words, in any
//! unit with y downwards. Never knows a file format and never reads a meaning into words.

mod bands;
mod lines;

pub(crate) use bands::{Band, bands};
pub(crate) use lines::lines;

/// A box on a page; y grows downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) fn width(self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn height(self) -> f64 {
        self.bottom - self.top
    }

    /// x and y of the middle.
    pub(crate) fn middle(self) -> (f64, f64) {
        (
            self.left.midpoint(self.right),
            self.top.midpoint(self.bottom),
        )
    }

    pub(crate) fn holds(self, (x, y): (f64, f64)) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// How far both overlap across; negative is a gap.
    pub(crate) fn overlap_across(self, other: Self) -> f64 {
        self.right.min(other.right) - self.left.max(other.left)
    }

    /// How far both overlap down; negative is a gap.
    pub(crate) fn overlap_down(self, other: Self) -> f64 {
        self.bottom.min(other.bottom) - self.top.max(other.top)
    }
}

/// A word, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// As wide as its letters, as high as its type.
    pub(crate) area: Area,
    /// The ruled cell it stands in: words of different cells never join.
    pub(crate) cell: Option<usize>,
}

/// Words of one line that stand together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) area: Area,
    pub(crate) cell: Option<usize>,
}

/// Pieces at one height, from left to right; never without a piece.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) area: Area,
}

impl Line {
    /// The pieces with a wider gap between them.
    pub(crate) fn text(&self) -> String {
        let texts: Vec<_> = self
            .pieces
            .iter()
            .map(|piece| piece.text.as_str())
            .collect();
        texts.join("  ")
    }
}
