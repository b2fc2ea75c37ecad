//! Outlines of a resolved SVG as curves of a drawing, filed under layers. Never keeps strokes' widths: a shape's outline is
//! where the machine goes.

use super::page::{GroupName, Page};
use crate::limits::Limits;
use drawing::{Affine, Cubic, Curve, Drawing, Layer, LayerId, LayerRules, Point, Segment};
use std::collections::{BTreeSet, HashMap};
use usvg::tiny_skia_path::PathSegment;
use usvg::{Group, Node, Paint, Path, Transform};

/// Where shapes go, and what was met on the way.
pub(super) struct Paths<'a> {
    pub(super) drawing: Drawing,
    page: &'a Page,
    /// From pixels, y down, to the drawing's units, y up.
    map: Affine,
    limits: &'a Limits,
    /// Name of group and colour of each curve, in the order of the curves.
    filed: Vec<(Option<String>, String)>,
    pub(super) clipped: u64,
    pub(super) backgrounds: u64,
    paths: u32,
    size: (f64, f64),
}

impl<'a> Paths<'a> {
    /// Walks over the whole tree. `units_per_pixel` scales to the drawing's units.
    pub(super) fn read(
        tree: &usvg::Tree,
        page: &'a Page,
        units_per_pixel: f64,
        rules: &LayerRules,
        limits: &'a Limits,
    ) -> Self {
        let size = tree.size();
        let size = (f64::from(size.width()), f64::from(size.height()));
        let height = size.1 * units_per_pixel;
        let mut paths = Self {
            drawing: Drawing::default(),
            page,
            map: Affine::new(units_per_pixel, 0.0, 0.0, -units_per_pixel, 0.0, height),
            limits,
            filed: Vec::new(),
            clipped: 0,
            backgrounds: 0,
            paths: 0,
            size,
        };
        // Nesting is limited before the tree is made.
        paths.group(tree.root(), None);
        paths.file(rules);
        for (value, place) in &page.texts {
            let place = paths.map.apply(*place);
            paths.drawing.texts.push(drawing::Text {
                value: value.clone(),
                layer: LayerId(0),
                place,
            });
        }
        paths
    }

    fn group(&mut self, group: &Group, above: Option<&'a GroupName>) {
        let own = self.page.groups.get(group.id());
        // The innermost layer that Inkscape knows, else the outermost group with a name.
        let name = match (above, own) {
            (_, Some(own)) if own.is_layer => Some(own),
            (None, own) => own,
            (above, _) => above,
        };
        if group.clip_path().is_some() || group.mask().is_some() {
            self.clipped += 1;
        }
        for node in group.children() {
            match node {
                Node::Group(inner) => self.group(inner, name),
                Node::Path(path) if path.is_visible() => self.path(path, name),
                Node::Path(_) | Node::Image(_) | Node::Text(_) => {}
            }
        }
    }

    fn path(&mut self, path: &Path, group: Option<&GroupName>) {
        self.paths = self.paths.saturating_add(1);
        let drawing = &self.drawing;
        if drawing.curves.len() as u64 >= self.limits.entities_max
            || drawing.pieces.len() >= self.limits.vertices_max
        {
            self.drawing.truncated = true;
            return;
        }
        let filled_only = path.stroke().is_none();
        let map = affine(path.abs_transform()).then(&self.map);
        let background = filled_only && self.is_page(path);
        self.backgrounds += u64::from(background);
        for outline in outlines(path, filled_only, &map) {
            let first = self.drawing.pieces.len();
            self.drawing.pieces.extend(outline);
            let Some(shape) = self.drawing.path_since(first) else {
                continue;
            };
            let curve = Curve {
                shape,
                layer: LayerId(0),
                origin: self.paths,
            };
            match background {
                true => self.drawing.background.push(curve),
                false => {
                    self.drawing.curves.push(curve);
                    let name = group.map(|group| group.name.clone());
                    self.filed.push((name, colour(path)));
                }
            }
        }
    }

    /// Whether a shape is the paper: a box without an edge as large as the page, below everything else.
    fn is_page(&self, path: &Path) -> bool {
        let bounds = path.abs_bounding_box();
        let (width, height) = (f64::from(bounds.width()), f64::from(bounds.height()));
        self.filed.is_empty()
            && path.data().points().len() <= 5
            && width >= 0.999 * self.size.0
            && height >= 0.999 * self.size.1
    }

    /// Files curves by the groups' names; by colours where groups tell nothing apart.
    fn file(&mut self, rules: &LayerRules) {
        let groups: BTreeSet<_> = self.filed.iter().map(|(group, _)| group).collect();
        let colours: BTreeSet<_> = self.filed.iter().map(|(_, colour)| colour).collect();
        let by_colour = groups.len() == 1 && colours.len() > 1;
        let mut by_name: HashMap<&str, LayerId> = HashMap::new();
        let drawing = &mut self.drawing;
        for (curve, (group, colour)) in drawing.curves.iter_mut().zip(&self.filed) {
            let name = match group {
                Some(group) if !by_colour => group,
                _ => colour,
            };
            let next = LayerId(u32::try_from(drawing.layers.len()).unwrap_or(u32::MAX));
            let full = drawing.layers.len() >= self.limits.layers_max;
            curve.layer = *by_name.entry(name).or_insert_with(|| {
                if full {
                    return LayerId(0);
                }
                drawing.layers.push(Layer {
                    operation: rules.operation(name),
                    name: name.clone(),
                    visible: true,
                });
                next
            });
        }
        if drawing.layers.is_empty() {
            drawing.layers.push(Layer {
                name: "0".to_owned(),
                visible: true,
                operation: rules.operation("0"),
            });
        }
    }
}

fn affine(transform: Transform) -> Affine {
    Affine::new(
        transform.sx.into(),
        transform.ky.into(),
        transform.kx.into(),
        transform.sy.into(),
        transform.tx.into(),
        transform.ty.into(),
    )
}

/// `#rrggbb` of the edge, else of the inside.
fn colour(path: &Path) -> String {
    let stroke = path.stroke().map(|stroke| stroke.paint());
    match stroke.or(path.fill().map(|fill| fill.paint())) {
        Some(Paint::Color(color)) => {
            format!("#{:02x}{:02x}{:02x}", color.red, color.green, color.blue)
        }
        _ => "painted".to_owned(),
    }
}

/// The runs of a path; what is filled without an edge is closed, as filling closes it.
fn outlines(path: &Path, close: bool, map: &Affine) -> Vec<Vec<Segment>> {
    let mut runs: Vec<Vec<Segment>> = Vec::new();
    let mut run = Run::default();
    for segment in path.data().segments() {
        let at = run.at;
        let point =
            |p: usvg::tiny_skia_path::Point| map.apply(Point::new(f64::from(p.x), f64::from(p.y)));
        match segment {
            PathSegment::MoveTo(to) => {
                runs.extend(run.end(close));
                run.begin(point(to));
            }
            PathSegment::LineTo(to) => run.line(point(to)),
            PathSegment::QuadTo(by, to) => {
                let (by, to) = (point(by), point(to));
                // The same curve by one more handle.
                let towards = |end: Point| end * (1.0 / 3.0) + by * (2.0 / 3.0);
                run.curve(towards(at), towards(to), to);
            }
            PathSegment::CubicTo(b, c, to) => run.curve(point(b), point(c), point(to)),
            PathSegment::Close => {
                runs.extend(run.end(true));
                let start = run.start;
                run.begin(start);
            }
        }
    }
    runs.extend(run.end(close));
    runs
}

/// A run of pieces in the making.
#[derive(Default)]
struct Run {
    pieces: Vec<Segment>,
    start: Point,
    at: Point,
}

impl Run {
    fn begin(&mut self, start: Point) {
        (self.start, self.at) = (start, start);
    }

    fn line(&mut self, to: Point) {
        if to != self.at {
            self.pieces.push(Segment::Line(self.at, to));
            self.at = to;
        }
    }

    fn curve(&mut self, b: Point, c: Point, d: Point) {
        let a = self.at;
        if [b, c, d].iter().any(|point| *point != a) {
            self.pieces.push(Segment::Cubic(Cubic { a, b, c, d }));
            self.at = d;
        }
    }

    fn end(&mut self, close: bool) -> Option<Vec<Segment>> {
        if close {
            self.line(self.start);
        }
        let pieces = std::mem::take(&mut self.pieces);
        (!pieces.is_empty()).then_some(pieces)
    }
}
