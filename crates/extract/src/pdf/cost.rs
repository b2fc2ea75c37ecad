//! How many operators a page draws, forms within forms counted each time: a few lines can ask for more than any machine
//! could do. Never draws.

use super::PdfLimits;
use super::weight::inflates_beyond;
use hayro::hayro_syntax::content::UntypedIter;
use hayro::hayro_syntax::object::dict::keys::{FORM, RESOURCES, SUBTYPE};
use hayro::hayro_syntax::object::{Dict, Name, Object, ObjectIdentifier, Stream};
use hayro::hayro_syntax::page::{Page, Resources};
use std::collections::HashMap;

/// Forms deeper than this are not drawn: `MAX_NESTED_INTERPRETATION_DEPTH` of hayro-interpret.
const DEPTH_MAX: usize = 50;

/// A stream of operators: how many, and which forms it draws how often.
#[derive(Default)]
struct Content {
    own: u64,
    draws: HashMap<usize, u64>,
}

/// What a page asks for once all forms are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Never more than the limit + 1.
    pub(super) operators: u64,
    /// A picture that stands among the operators inflates to more than the limit.
    pub(super) heavy_picture: bool,
}

/// Counts what a page draws.
pub(super) fn of_page(page: &Page<'_>, limits: &PdfLimits) -> Cost {
    let most = limits.operators_max;
    let mut forms = Forms {
        picture_bytes_max: limits.stream_bytes_max,
        ..Forms::default()
    };
    let mut content = Content::default();
    forms.count(
        page.page_stream().unwrap_or_default(),
        page.resources(),
        &mut content,
    );
    while let Some((place, form)) = forms.waiting.pop() {
        let mut content = Content::default();
        let resources = form.dict().get::<Dict<'_>>(RESOURCES).map(Resources::new);
        if let Ok(data) = form.decoded_data() {
            let resources = resources.as_ref().unwrap_or(page.resources());
            forms.count(&data, resources, &mut content);
        }
        if let Some(slot) = forms.contents.get_mut(place) {
            *slot = content;
        }
    }
    let mut drawn = vec![0_u64; forms.contents.len()];
    for _ in 0..DEPTH_MAX {
        let next: Vec<_> = forms
            .contents
            .iter()
            .map(|content| content.with(&drawn).min(most.saturating_add(1)))
            .collect();
        if next == drawn {
            break;
        }
        drawn = next;
    }
    Cost {
        operators: content.with(&drawn).min(most.saturating_add(1)),
        heavy_picture: forms.heavy_picture,
    }
}

impl Content {
    /// Operators when each form costs this much.
    fn with(&self, costs: &[u64]) -> u64 {
        let forms = self.draws.iter().map(|(form, times)| {
            times.saturating_mul(costs.get(*form).copied().unwrap_or_default())
        });
        forms.fold(self.own, u64::saturating_add)
    }
}

/// Every form met so far, counted or waiting to be.
#[derive(Default)]
struct Forms<'a> {
    places: HashMap<ObjectIdentifier, usize>,
    contents: Vec<Content>,
    waiting: Vec<(usize, Stream<'a>)>,
    picture_bytes_max: u64,
    heavy_picture: bool,
}

impl<'a> Forms<'a> {
    fn count(&mut self, data: &[u8], resources: &Resources<'a>, content: &mut Content) {
        let mut operators = UntypedIter::new(data);
        let mut named: HashMap<Vec<u8>, u64> = HashMap::new();
        while let Some(instruction) = operators.next() {
            content.own += 1;
            if **instruction.operator == *b"Do"
                && let Some(Object::Name(name)) = instruction.operands().next()
            {
                *named.entry(name.to_vec()).or_default() += 1;
            }
            if **instruction.operator == *b"BI"
                && let Some(Object::Stream(picture)) = instruction.operands().next()
            {
                self.heavy_picture |= inflates_beyond(picture, self.picture_bytes_max);
            }
        }
        for (name, times) in named {
            if let Some(form) = self.form(&name, resources) {
                *content.draws.entry(form).or_default() += times;
            }
        }
    }

    fn form(&mut self, name: &[u8], resources: &Resources<'a>) -> Option<usize> {
        let stream = resources.x_objects.get::<Stream<'a>>(name)?;
        let subtype = stream.dict().get::<Name<'_>>(SUBTYPE)?;
        if subtype.as_ref() != FORM {
            return None;
        }
        let id = stream.obj_id();
        if let Some(place) = self.places.get(&id) {
            return Some(*place);
        }
        let place = self.contents.len();
        self.contents.push(Content::default());
        self.places.insert(id, place);
        self.waiting.push((place, stream));
        Some(place)
    }
}
