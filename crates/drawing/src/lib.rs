//! Drawings of flat parts: the model, its exact geometry, and its measures. Pure: no files, no clock, no network.
//! Never flattens a curve that has a formula, and never drops in silence what it could not measure.
//!
//! A reader fills a [`Drawing`], settles its [`Units`], scales it to millimetres and calls [`measure`]:
//!
//! ```
//! use drawing::{Arc, Curve, Drawing, Layer, LayerId, MeasureLimits, Operation, Point, Shape, measure};
//!
//! let layer = Layer { name: "0".into(), visible: true, operation: Operation::Cut };
//! let circle = |radius| Curve {
//!     shape: Shape::Arc(Arc::circle(Point::new(50.0, 50.0), radius)),
//!     layer: LayerId(0),
//!     origin: 1,
//! };
//! let ring = Drawing { layers: vec![layer], curves: vec![circle(40.0), circle(6.0)], ..Drawing::default() };
//! let measures = measure(&ring, &MeasureLimits::default());
//! assert_eq!(measures.pierces, 2);
//! assert_eq!(measures.holes[0].diameter_mm, 12.0);
//! assert!((measures.cut_length_mm - 289.026_524).abs() < 1e-6);
//! ```

mod affine;
mod arc;
mod cells;
mod circle;
mod contour;
mod crossing;
mod cubic;
mod ellipse;
mod finding;
mod findings;
mod join;
mod layer;
mod leftovers;
mod measure;
mod meet;
mod model;
mod nest;
mod nodes;
mod part;
mod point;
mod preview;
mod report;
mod segment;
mod shop;
mod strips;
mod strokes;
mod units;

pub use affine::Affine;
pub use arc::Arc;
pub use contour::{Contour, Nesting, pieces};
pub use cubic::Cubic;
pub use ellipse::Ellipse;
pub use finding::{Finding, Severity};
pub use join::{Chain, Joined, Member, join, tolerance as join_tolerance};
pub use layer::{Layer, LayerRules, Operation};
pub use measure::{MeasureLimits, cut_curves, measure};
pub use model::{Curve, Drawing, LayerId, Segments, Shape, Text, Vertex};
pub use nest::{Nested, nest};
pub use part::{Part, Parts};
pub use point::{Extents, Point};
pub use preview::{PreviewOptions, preview};
pub use report::{ContourMeasure, HoleGroup, LayerMeasure, Measures, PartMeasure, Role};
pub use segment::Segment;
pub use shop::{CutSpeed, Density, Estimate, Sheet, ShopRules};
pub use units::{Unit, UnitClues, UnitSource, Units};
