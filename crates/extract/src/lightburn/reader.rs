//! The walk through a project: what opens, what closes, and where it belongs. One pass with its own stack, so that no
//! depth of groups can exhaust the program's. Never judges geometry.

use super::Reading;
use super::frame::{Frame, Lists, ShapeKind, transform};
use super::lists::{Corner, Listed, Pieces, corners, pieces};
use super::pen::{Pen, Placing};
use super::properties::{Properties, draft, field};
use super::remarks::Remarks;
use super::settings::{Draft, Fields, Layers};
use super::xml::{Element, Ending, Step, Xml};
use crate::error::ExtractError;
use crate::limits::Limits;
use drawing::{Affine, LayerRules, Point, Text};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// An element that is open.
enum Node<'a> {
    Project,
    Shape(Box<Frame>),
    /// The shapes of a group.
    Children,
    Content(Content, Cow<'a, str>),
    Setting(Box<Draft>, Vec<Draft>),
    SubLayer(Box<Draft>),
    Variables(Fields),
    Preferences(Fields),
    /// Its attributes were read when it opened, or it says nothing to us.
    Passed,
}

/// Elements whose characters matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Transform,
    Corners,
    Pieces,
}

/// A corner with its handles, and a Bézier, take the room of three plain corners.
const ROOM: usize = 3;
/// Distinct types of shapes that are told apart.
const TYPES_MAX: usize = 64;

pub(super) struct Reader<'a> {
    limits: &'a Limits,
    stack: Vec<Node<'a>>,
    pen: Pen,
    layers: Layers,
    properties: Properties<'a>,
    /// Shapes at any depth.
    shapes: u64,
    shared_corners: HashMap<i64, Rc<[Corner]>>,
    shared_pieces: HashMap<i64, Rc<Pieces>>,
    /// How many more corners and pieces may be read.
    list_left: usize,
    text_bytes: usize,
    counts: BTreeMap<String, u64>,
    /// Texts without outlines, by their cut index.
    bare_texts: BTreeMap<i64, u64>,
    is_project: bool,
    remarks: Remarks,
}

impl<'a> Reader<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            stack: Vec::new(),
            pen: Pen::new(limits.vertices_max / ROOM),
            layers: Layers::new(limits.layers_max),
            properties: Properties::new(limits),
            shapes: 0,
            shared_corners: HashMap::new(),
            shared_pieces: HashMap::new(),
            list_left: limits.vertices_max / ROOM,
            text_bytes: 0,
            counts: BTreeMap::new(),
            bare_texts: BTreeMap::new(),
            is_project: false,
            remarks: Remarks::new(limits),
        }
    }

    pub(super) fn read(
        mut self,
        text: &'a str,
        rules: &LayerRules,
    ) -> Result<Reading, ExtractError> {
        let mut xml = Xml::new(text, self.limits);
        let ending = loop {
            match xml.next() {
                Step::Open(element) => {
                    if self.shapes >= self.limits.entities_max && element.name() == "Shape" {
                        break Ending::OverLimit("entities_max");
                    }
                    let node = self.open(&element);
                    self.stack.push(node);
                }
                Step::Text(more) => self.content(more),
                Step::Close => self.close(),
                Step::End(ending) => break ending,
            }
        };
        if ending == Ending::Doctype {
            return Err(ExtractError::XmlDoctype);
        }
        if !self.is_project {
            return Err(ExtractError::NotLightburn);
        }
        Ok(self.finish(&ending, rules))
    }

    fn open(&mut self, element: &Element<'_>) -> Node<'a> {
        let name = element.name();
        match (self.stack.last_mut(), name) {
            (None, _) => self.open_root(element),
            (Some(Node::Shape(_)), "XForm") => empty(Content::Transform),
            (Some(Node::Shape(_)), "VertList") => empty(Content::Corners),
            (Some(Node::Shape(_)), "PrimList") => empty(Content::Pieces),
            (Some(Node::Shape(frame)), "V" | "P") => {
                match self.list_left.checked_sub(1) {
                    Some(left) => {
                        self.list_left = left;
                        frame.old_entry(element);
                    }
                    None => self.remarks.cut(true),
                }
                Node::Passed
            }
            (Some(Node::Shape(frame)), "Children") => {
                frame.has_children = true;
                Node::Children
            }
            (Some(Node::Shape(_) | Node::Children | Node::Project), "Shape" | "BackupPath") => {
                self.open_shape(element)
            }
            (Some(Node::Project), _) => self.open_property(element),
            (Some(Node::Setting(..)), "SubLayer") => Node::SubLayer(Box::new(draft(element))),
            (Some(Node::Setting(draft, _) | Node::SubLayer(draft)), _) => {
                field(&mut draft.fields, element);
                Node::Passed
            }
            (Some(Node::Variables(fields) | Node::Preferences(fields)), _) => {
                field(fields, element);
                Node::Passed
            }
            _ => Node::Passed,
        }
    }

    fn open_root(&mut self, element: &Element<'_>) -> Node<'a> {
        if !element.name().eq_ignore_ascii_case("LightBurnProject") {
            return Node::Passed;
        }
        self.is_project = true;
        self.properties.root(element);
        Node::Project
    }

    /// What stands beside the shapes.
    fn open_property(&mut self, element: &Element<'_>) -> Node<'a> {
        match element.name() {
            "CutSetting" | "CutSetting_Img" => {
                return Node::Setting(Box::new(draft(element)), Vec::new());
            }
            "VariableText" => return Node::Variables(Fields::default()),
            "UIPrefs" => return Node::Preferences(Fields::default()),
            "Thumbnail" => self.properties.picture_of_itself(element),
            "Notes" => self.properties.notes(element),
            _ => {}
        }
        Node::Passed
    }

    fn open_shape(&mut self, element: &Element<'_>) -> Node<'a> {
        let around = self.stack.iter_mut().rev().find_map(|node| match node {
            Node::Shape(frame) => Some(frame),
            _ => None,
        });
        let (outer, text) = match around {
            Some(frame) => {
                frame.has_children = true;
                (frame.map(), frame.number)
            }
            None => (Some(Affine::IDENTITY), 0),
        };
        let is_outline = element.name() == "BackupPath";
        self.shapes += u64::from(!is_outline);
        let number = if is_outline {
            text
        } else {
            u32::try_from(self.shapes).unwrap_or(u32::MAX)
        };
        let frame = Frame::open(element, number, outer);
        if !is_outline {
            self.count(&frame);
        }
        Node::Shape(Box::new(frame))
    }

    fn count(&mut self, frame: &Frame) {
        let name = if frame.name.is_empty() {
            "Unknown"
        } else {
            &frame.name
        };
        let known = self.counts.len() < TYPES_MAX || self.counts.contains_key(name);
        let name = if known { name } else { "Unknown" };
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }

    fn content(&mut self, more: Cow<'a, str>) {
        let Some(Node::Content(_, text)) = self.stack.last_mut() else {
            return;
        };
        if text.is_empty() {
            *text = more;
        } else {
            text.to_mut().push_str(&more);
        }
    }

    fn close(&mut self) {
        match self.stack.pop() {
            Some(Node::Shape(frame)) => self.close_shape(*frame),
            Some(Node::Content(content, text)) => self.close_content(content, &text),
            Some(Node::SubLayer(draft)) => {
                if let Some(Node::Setting(_, sub_layers)) = self.stack.last_mut()
                    && self.properties.has_room(sub_layers)
                {
                    sub_layers.push(*draft);
                }
            }
            Some(Node::Setting(draft, sub_layers)) => {
                if let Some(index) = self.properties.setting(*draft, sub_layers) {
                    self.layers.id(index);
                }
            }
            Some(Node::Variables(fields)) => {
                self.properties.section.variable_text = fields.list;
            }
            Some(Node::Preferences(fields)) => {
                self.properties.section.preferences = fields.list;
            }
            Some(Node::Project | Node::Children | Node::Passed) | None => {}
        }
    }

    fn close_content(&mut self, content: Content, text: &str) {
        let Some(Node::Shape(frame)) = self.stack.last_mut() else {
            return;
        };
        match content {
            Content::Transform => {
                if frame.has_children && frame.kind == ShapeKind::Group {
                    self.remarks.late_transform(frame);
                }
                frame.own = transform(text);
            }
            Content::Corners => {
                let Listed { list, damaged, cut } = corners(text, self.list_left);
                self.list_left -= list.len();
                self.remarks.cut(cut);
                frame.damaged |= damaged;
                frame.corners = Some(list.into());
            }
            Content::Pieces => {
                let Listed { list, damaged, cut } = pieces(text, self.list_left);
                if let Pieces::Listed(list) = &list {
                    self.list_left -= list.len();
                }
                self.remarks.cut(cut);
                frame.damaged |= damaged;
                frame.pieces = Some(Rc::new(list));
            }
        }
    }

    /// A path's own lists, or those it shares; what it has is shared from here on.
    fn lists(&mut self, frame: &mut Frame) -> Option<Lists> {
        if !frame.old_corners.is_empty() {
            frame.corners = Some(std::mem::take(&mut frame.old_corners).into());
            let pieces = std::mem::take(&mut frame.old_pieces);
            let implied = pieces.is_empty() && frame.pieces.is_none();
            if !pieces.is_empty() || implied {
                let pieces = if implied {
                    Pieces::Implied
                } else {
                    Pieces::Listed(pieces)
                };
                frame.pieces = Some(Rc::new(pieces));
            }
        }
        let corners = shared(
            &mut self.shared_corners,
            frame.corners_id,
            frame.corners.take(),
        );
        if frame.pieces_id.is_none() && frame.pieces.is_none() {
            frame.pieces = Some(Rc::new(Pieces::Implied));
        }
        let pieces = shared(
            &mut self.shared_pieces,
            frame.pieces_id,
            frame.pieces.take(),
        );
        Some(Lists {
            corners: corners?,
            pieces: pieces?,
        })
    }

    fn close_shape(&mut self, mut frame: Frame) {
        match frame.kind {
            ShapeKind::Outline => {
                let lists = self.lists(&mut frame);
                let around = self.stack.last_mut();
                if let (Some(lists), Some(Node::Shape(text))) = (lists, around) {
                    text.outline = Some(lists);
                    text.damaged |= frame.damaged;
                }
                return;
            }
            ShapeKind::Group => {
                if frame.own.is_none() {
                    self.remarks.bad_transform(&frame);
                }
                return;
            }
            ShapeKind::Text => self.text(&frame),
            _ => {}
        }
        let lists = match frame.kind {
            ShapeKind::Path => self.lists(&mut frame),
            ShapeKind::Text => frame.outline.take(),
            _ => None,
        };
        let Some(map) = frame.map() else {
            self.remarks.bad_transform(&frame);
            return;
        };
        if frame.kind == ShapeKind::Bitmap {
            let area = frame.sizes.width * frame.sizes.height * map.determinant();
            self.properties.picture(frame.cut_index, area);
            return;
        }
        let placing = Placing {
            map,
            layer: self.layers.id(frame.cut_index),
            origin: frame.number,
        };
        self.draw(&frame, lists, &placing);
    }

    fn draw(&mut self, frame: &Frame, lists: Option<Lists>, placing: &Placing) {
        let sizes = frame.sizes;
        let drawn = match frame.kind {
            ShapeKind::Rect => {
                self.pen
                    .rectangle((sizes.width, sizes.height), sizes.corner, placing)
            }
            ShapeKind::Ellipse => self.pen.ellipse(sizes.rx, sizes.ry, placing),
            ShapeKind::Polygon => {
                self.remarks.polygon(frame);
                self.pen.polygon(sizes.sides, (sizes.rx, sizes.ry), placing)
            }
            ShapeKind::Text if lists.is_none() => {
                *self.bare_texts.entry(frame.cut_index).or_default() += 1;
                return;
            }
            _ => match lists {
                Some(lists) => self.pen.path(&lists.corners, &lists.pieces, placing),
                None => return self.remarks.no_outline(frame),
            },
        };
        self.remarks.drawn(frame, drawn);
    }

    fn text(&mut self, frame: &Frame) {
        let value = frame.text.as_deref().unwrap_or_default().trim();
        self.text_bytes += value.len();
        if value.is_empty()
            || self.pen.drawing.texts.len() >= self.limits.texts_max
            || self.text_bytes > self.limits.text_bytes_max
        {
            return;
        }
        let place = frame.map().map(|map| map.apply(Point::default()));
        let text = Text {
            value: value.to_owned(),
            layer: self.layers.id(frame.cut_index),
            place: place.unwrap_or_default(),
        };
        self.pen.drawing.texts.push(text);
    }

    fn finish(mut self, ending: &Ending, rules: &LayerRules) -> Reading {
        let mut drawing = self.pen.drawing;
        self.remarks.layers_refused = self.layers.refused;
        self.remarks.settings_omitted = self.properties.settings_omitted;
        if self.properties.bad_thumbnail {
            self.remarks.bad_thumbnail();
        }
        let layer_of: BTreeMap<i64, _> = self
            .bare_texts
            .keys()
            .map(|index| (*index, self.layers.id(*index)))
            .collect();
        drawing.layers = self.layers.finish(&mut self.properties.settings, rules);
        for (index, count) in self.bare_texts {
            let layer = layer_of.get(&index).and_then(|id| drawing.layer(*id));
            self.remarks
                .bare_texts(count, layer.is_some_and(|layer| layer.is_cut()));
        }
        self.remarks.hidden(&self.properties.settings);
        drawing.entity_counts = self.counts;
        drawing.curves.shrink_to_fit();
        let (mut section, thumbnail, format_version) = self.properties.finish();
        section.shape_count = self.shapes;
        section.shape_types = drawing.entity_counts.keys().cloned().collect();
        let diagnostics = self.remarks.finish(ending, &mut drawing);
        Reading {
            format_version,
            section,
            thumbnail,
            drawing,
            diagnostics,
        }
    }
}

fn empty(content: Content) -> Node<'static> {
    Node::Content(content, Cow::Borrowed(""))
}

/// The own list, which others may share from here on, or the one that was shared.
fn shared<T: ?Sized>(
    table: &mut HashMap<i64, Rc<T>>,
    id: Option<i64>,
    own: Option<Rc<T>>,
) -> Option<Rc<T>> {
    match (id, own) {
        (Some(id), Some(own)) => {
            table.insert(id, Rc::clone(&own));
            Some(own)
        }
        (Some(id), None) => table.get(&id).map(Rc::clone),
        (None, own) => own,
    }
}
