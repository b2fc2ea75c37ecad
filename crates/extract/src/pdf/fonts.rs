//! What the fonts of a PDF ask for beyond reason: letters that are little drawings of their own (Type 3 fonts, ISO 32000-1,
//! 9.6.5) and draw letters again, which the renderer would follow without end, and widths of ranges of letters (9.7.4.3),
//! for each of which the reader makes an entry. Never draws.

use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::content::UntypedIter;
use hayro::hayro_syntax::object::dict::keys::{
    CHAR_PROCS, IMAGE, RESOURCES, SUBTYPE, TYPE3, W, W2,
};
use hayro::hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, Stream};
use hayro::hayro_syntax::page::Resources;

/// What is wrong with the fonts of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fonts {
    /// A letter shows text, or draws what might: a form, a pattern or a mask.
    pub(super) nested: bool,
    /// Widths are given to more letters than a font can have.
    pub(super) endless: bool,
}

/// Letters that have a width, of a font whose letters have numbers of 16 bits; some repeat themselves.
const WIDTHS_MAX: f64 = 200_000.0;

/// Looks at all fonts, wherever they stand.
pub(super) fn look(pdf: &Pdf) -> Fonts {
    let mut fonts = Fonts::default();
    let mut open: Vec<Object<'_>> = Vec::new();
    for object in pdf.objects() {
        open.push(object);
        // Fonts may stand right in what names them.
        while let Some(object) = open.pop() {
            let dict = match &object {
                Object::Dict(dict) => dict,
                Object::Stream(stream) => stream.dict(),
                Object::Array(array) => {
                    open.extend(array.raw_iter().filter_map(direct));
                    continue;
                }
                _ => continue,
            };
            fonts.add(dict);
            open.extend(dict.entries().filter_map(|(_, value)| direct(value)));
        }
    }
    fonts
}

/// What stands here and not elsewhere.
fn direct<'a>(value: MaybeRef<Object<'a>>) -> Option<Object<'a>> {
    match value {
        MaybeRef::NotRef(value) => Some(value),
        MaybeRef::Ref(_) => None,
    }
}

impl Fonts {
    fn add(&mut self, font: &Dict<'_>) {
        let subtype = font.get::<Name<'_>>(SUBTYPE);
        let drawn = subtype.is_some_and(|name| name.as_ref() == TYPE3);
        self.nested |= drawn && draws_letters(font);
        self.endless |= [(W, 1), (W2, 3)]
            .into_iter()
            .any(|(key, figures)| letters(font, key, figures) > WIDTHS_MAX);
    }
}

/// Letters in the ranges of a list of widths: each is a first letter with a list, or a first, a last and as many figures
/// as one letter has.
fn letters(dict: &Dict<'_>, key: &[u8], figures: usize) -> f64 {
    let mut count = 0.0;
    let list = dict.get::<Array<'_>>(key);
    let mut objects = list.iter().flat_map(|list| list.iter::<Object<'_>>());
    while let Some(Object::Number(first)) = objects.next() {
        if let Some(Object::Number(last)) = objects.next() {
            count += (last.as_f64() - first.as_f64()).max(0.0);
            for _ in 0..figures {
                objects.next();
            }
        }
    }
    count
}

fn draws_letters(font: &Dict<'_>) -> bool {
    let Some(letters) = font.get::<Dict<'_>>(CHAR_PROCS) else {
        return false;
    };
    let names: Vec<_> = letters.keys().collect();
    let mut letters = names
        .into_iter()
        .filter_map(|name| letters.get::<Stream<'_>>(name));
    letters.any(|letter| {
        let own = letter.dict().get::<Dict<'_>>(RESOURCES);
        let resources = own.or_else(|| font.get::<Dict<'_>>(RESOURCES));
        let resources = resources.map(Resources::new);
        // What cannot be unpacked draws nothing.
        let data = letter.decoded_data().unwrap_or_default();
        draws_more(&data, resources.as_ref())
    })
}

fn draws_more(data: &[u8], resources: Option<&Resources<'_>>) -> bool {
    let mut operators = UntypedIter::new(data);
    while let Some(instruction) = operators.next() {
        let name = match instruction.operands().last() {
            Some(Object::Name(name)) => Some(name),
            _ => None,
        };
        let more = match &**instruction.operator {
            b"Tj" | b"TJ" | b"'" | b"\"" | b"gs" => true,
            b"scn" | b"SCN" => name.is_some(),
            b"Do" => !name.is_some_and(|name| is_image(name, resources)),
            _ => false,
        };
        if more {
            return true;
        }
    }
    false
}

fn is_image(name: &Name<'_>, resources: Option<&Resources<'_>>) -> bool {
    let drawn = resources.and_then(|resources| resources.x_objects.get::<Stream<'_>>(name));
    let subtype = drawn.and_then(|drawn| drawn.dict().get::<Name<'_>>(SUBTYPE));
    subtype.is_some_and(|name| name.as_ref() == IMAGE)
}
