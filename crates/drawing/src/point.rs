//! Points and boxes of the plane. Never knows curves, layers or units: figures are in whatever unit the caller works in.

use crate::part::rounded;
use serde::{Deserialize, Serialize};
use std::ops::{Add, Mul, Sub};

/// A point or a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The point at `radius` from the origin in direction `angle` (radians).
    pub fn polar(radius: f64, angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self::new(radius * cos, radius * sin)
    }

    pub fn length(self) -> f64 {
        self.x.hypot(self.y)
    }

    pub fn distance(self, other: Self) -> f64 {
        (self - other).length()
    }

    pub fn cross(self, other: Self) -> f64 {
        self.x * other.y - self.y * other.x
    }

    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    /// Turned by a quarter counter-clockwise.
    pub fn perpendicular(self) -> Self {
        Self::new(-self.y, self.x)
    }

    pub fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }
}

impl Add for Point {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Point {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f64> for Point {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }
}

/// The smallest upright box around something. Never empty: it begins with a point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extents {
    pub min_x: f64,
    pub min_y: f64,
    pub max_x: f64,
    pub max_y: f64,
}

impl Extents {
    pub fn of(point: Point) -> Self {
        Self {
            min_x: point.x,
            min_y: point.y,
            max_x: point.x,
            max_y: point.y,
        }
    }

    pub fn with(self, point: Point) -> Self {
        self.union(Self::of(point))
    }

    pub fn union(self, other: Self) -> Self {
        Self {
            min_x: self.min_x.min(other.min_x),
            min_y: self.min_y.min(other.min_y),
            max_x: self.max_x.max(other.max_x),
            max_y: self.max_y.max(other.max_y),
        }
    }

    /// The box around all of them, or nothing when there are none.
    pub fn around(boxes: impl IntoIterator<Item = Self>) -> Option<Self> {
        boxes.into_iter().reduce(Self::union)
    }

    pub fn min(self) -> Point {
        Point::new(self.min_x, self.min_y)
    }

    pub fn width(self) -> f64 {
        self.max_x - self.min_x
    }

    pub fn height(self) -> f64 {
        self.max_y - self.min_y
    }

    /// Width and height to a millionth, so that reports do not show rounding noise.
    pub fn rounded_size(self) -> (f64, f64) {
        (rounded(self.width(), 1e6), rounded(self.height(), 1e6))
    }

    /// The longer side.
    pub fn size(self) -> f64 {
        self.width().max(self.height())
    }

    pub fn diagonal(self) -> f64 {
        self.width().hypot(self.height())
    }

    pub fn area(self) -> f64 {
        self.width() * self.height()
    }

    /// The largest coordinate, sign aside: what floating-point precision depends on.
    pub fn farthest(self) -> f64 {
        [self.min_x, self.min_y, self.max_x, self.max_y]
            .into_iter()
            .fold(0.0, |far, value| far.max(value.abs()))
    }

    /// Whether `inner` lies inside, edges within `tolerance` included.
    pub fn contains(self, inner: Self, tolerance: f64) -> bool {
        self.min_x <= inner.min_x + tolerance
            && self.min_y <= inner.min_y + tolerance
            && self.max_x >= inner.max_x - tolerance
            && self.max_y >= inner.max_y - tolerance
    }

    /// Whether both boxes share a point, edges within `tolerance` included.
    pub fn meets(self, other: Self, tolerance: f64) -> bool {
        self.min_x <= other.max_x + tolerance
            && other.min_x <= self.max_x + tolerance
            && self.min_y <= other.max_y + tolerance
            && other.min_y <= self.max_y + tolerance
    }

    /// What both boxes have in common.
    pub fn within(self, other: Self) -> Option<Self> {
        self.meets(other, 0.0).then_some(Self {
            min_x: self.min_x.max(other.min_x),
            min_y: self.min_y.max(other.min_y),
            max_x: self.max_x.min(other.max_x),
            max_y: self.max_y.min(other.max_y),
        })
    }

    pub fn center(self) -> Point {
        Point::new(
            (self.min_x + self.max_x) / 2.0,
            (self.min_y + self.max_y) / 2.0,
        )
    }

    /// Larger by `margin` on every side.
    pub fn grown(self, margin: f64) -> Self {
        Self {
            min_x: self.min_x - margin,
            min_y: self.min_y - margin,
            max_x: self.max_x + margin,
            max_y: self.max_y + margin,
        }
    }

    /// To a millionth, so that reports do not show rounding noise.
    pub fn rounded(self) -> Self {
        let round = |value: f64| rounded(value, 1e6);
        Self {
            min_x: round(self.min_x),
            min_y: round(self.min_y),
            max_x: round(self.max_x),
            max_y: round(self.max_y),
        }
    }

    /// Whether both boxes are the same within `tolerance`.
    pub fn matches(self, other: Self, tolerance: f64) -> bool {
        self.contains(other, tolerance) && other.contains(self, tolerance)
    }
}
