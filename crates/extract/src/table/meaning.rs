//! What a column is, by the words of its header in English, Afrikaans and German. Whole words only: a bare `t` is a
//! thickness, the one in `total` is not.

use crate::document::Schema;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    PartName,
    Material,
    Thickness,
    Quantity,
    Client,
    Project,
    Price,
    Total,
    Width,
    Height,
    /// Two or three sides in one cell: `200 x 100`.
    Size,
    DueDate,
    PoNumber,
    /// An ordinary column of such tables that is not read.
    Other,
}

impl Meaning {
    /// The key of [`crate::Table::columns`].
    pub(super) const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::PartName => "part_name",
            Self::Material => "material",
            Self::Thickness => "thickness",
            Self::Quantity => "quantity",
            Self::Client => "client",
            Self::Project => "project",
            Self::Price => "price",
            Self::Total => "total",
            Self::Width => "width",
            Self::Height => "height",
            Self::Size => "size",
            Self::DueDate => "due_date",
            Self::PoNumber => "po_number",
            Self::Other => return None,
        })
    }
}

/// A header's meaning; of several columns that mean the same the highest rank is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Word {
    pub(super) meaning: Meaning,
    pub(super) rank: u8,
    /// Millimetres of the unit in the header: 25.4 of `Width (in)`.
    pub(super) unit_mm: Option<f64>,
    /// A single letter, which means little without words beside it.
    pub(super) letter: bool,
}

/// Names of parts below this rank may be mere numbers of lines.
pub(super) const NAME_RANK_MIN: u8 = 6;
/// The rank of `amount`, which is a count only where nothing else is.
pub(super) const AMOUNT_RANK: u8 = 1;

/// Meaning, rank, phrases in plain words.
const VOCABULARY: &[(Meaning, u8, &str)] = &[
    (
        Meaning::PartName,
        10,
        "part name|partname|component name|piece name|onderdeelnaam|onderdeel naam|deelnaam|teilename|teilebezeichnung",
    ),
    (
        Meaning::PartName,
        9,
        "part|parts|component|part description|item description|item name|product name|onderdeel|komponent|teil|bauteil",
    ),
    (
        Meaning::PartName,
        8,
        "description|descr|desc|piece|member|name|product|article|deel|beskrywing|naam|bezeichnung|benennung|beschreibung|artikel|werkstück|werkstueck",
    ),
    (
        Meaning::PartName,
        7,
        "part no|part number|part nr|part num|part id|part code|part #|part mark|piece mark|mark|assembly mark|product code|stock code|item code|sku|onderdeelnommer|onderdeel nr|teilenummer|teilenr|teile nr|teil nr|artikelnummer|artikelnr|artikel nr",
    ),
    (
        Meaning::PartName,
        6,
        "file name|filename|file|dxf|dxf file|drawing|drawing no|drawing number|drawing name|dwg|dwg no|tekening|zeichnung|zeichnungsnummer|zeichnungsnr",
    ),
    (
        Meaning::PartName,
        5,
        "item|items|item no|item number|item nr",
    ),
    (
        Meaning::Material,
        10,
        "material|mat|matl|mtl|material type|sheet material|materiaal|werkstoff",
    ),
    (
        Meaning::Material,
        8,
        "steel type|steel|metal|staal|staalsoort|tipe staal|stahl|stahlsorte|blech|blechsorte",
    ),
    (
        Meaning::Material,
        5,
        "grade|material grade|steel grade|alloy|graad|güte|materialgüte|qualität",
    ),
    (
        Meaning::Thickness,
        10,
        "thickness|thick|thk|thkn|thickn|dikte|plaatdikte|dicke|stärke|staerke|blechdicke|blechstärke|materialstärke|materialdicke|wandstärke",
    ),
    (Meaning::Thickness, 8, "t|gauge|ga|swg|dik"),
    (
        Meaning::Quantity,
        11,
        "total qty|qty total|total quantity|quantity total|total pcs|totale hoeveelheid|gesamtmenge",
    ),
    (
        Meaning::Quantity,
        10,
        "qty|qnty|quantity|quant|quan|hoeveelheid|hvh|aantal|menge|anzahl|stückzahl|stueckzahl|stück|stueck|stk|stckzahl",
    ),
    (
        Meaning::Quantity,
        8,
        "count|pcs|pc|pieces|no off|nr off|no of|no of parts|no of pieces|no of pcs|number off|number of parts|number of pieces|off|no required|no reqd|number required|required|reqd|req|units|stuks|stukke|getal",
    ),
    (Meaning::Quantity, AMOUNT_RANK, "amount"),
    (
        Meaning::Client,
        10,
        "client|client code|client no|customer|customer code|customer no|kliënt|klient|kliëntkode|kliënt kode|kunde|kundennummer|kundennr|kunden nr",
    ),
    (
        Meaning::Client,
        8,
        "client name|customer name|cust|kliëntnaam|kundenname|auftraggeber",
    ),
    (
        Meaning::Project,
        10,
        "project|project code|project no|project number|job|job no|job number|job code|job nr|projek|projekkode|werk nr|werknommer|werksnommer|projekt|projektnummer|projektnr|auftrag|auftragsnummer|auftragsnr",
    ),
    (Meaning::Project, 8, "project name|job name|projekname"),
    (
        Meaning::PoNumber,
        10,
        "po|po no|po number|p o|p o no|purchase order|purchase order no|order no|order number|order|bestelling|bestelnommer|bestellung|bestellnummer|bestellnr",
    ),
    (
        Meaning::DueDate,
        10,
        "due|due date|date due|required by|required date|delivery date|deliver by|lewerdatum|afleweringsdatum|liefertermin|lieferdatum|termin",
    ),
    (
        Meaning::Price,
        10,
        "price|unit price|price each|unit cost|each|cost each|eenheidsprys|prys|einzelpreis|stückpreis|preis|ep",
    ),
    (Meaning::Price, 8, "cost|rate|unit rate|koste|tarief|kosten"),
    (
        Meaning::Total,
        10,
        "total|line total|total price|price total|total cost|total amount|line amount|ext price|extended price|extended|ext|totaal|totale prys|gesamt|gesamtpreis|gesamtbetrag|gp",
    ),
    (
        Meaning::Total,
        8,
        "subtotal|sub total|value|line value|subtotaal|bedrag|summe|betrag",
    ),
    (
        Meaning::Width,
        10,
        "width|wide|wdth|breedte|wydte|breite|w|x|b",
    ),
    (Meaning::Height, 10, "height|high|hgt|hoogte|höhe|hoehe|h|y"),
    (
        Meaning::Height,
        8,
        "length|len|lgth|long|lengte|länge|laenge|l",
    ),
    (
        Meaning::Size,
        10,
        "size|sizes|dimension|dimensions|dims|dim|blank size|part size|cut size|grootte|afmeting|afmetings|maße|abmessung|abmessungen|größe|format|lxw|wxh|l x w|w x h|b x h",
    ),
    (
        Meaning::Other,
        0,
        "weight|mass|kg|unit weight|total weight|total mass|area|total area|m2|finish|surface|coating|colour|color|paint|note|notes|remark|remarks|comment|comments|rev|revision|date|status|unit|uom|no|nr|num|number|line|line no|pos|position|ref|reference|bends|bend|holes|hole qty|holes qty|no of holes|number of holes|no of bends|cut length|length of cut|cutting length|cut time|time|perimeter|pierces|sheet size|plate size|stock size|hole size|bolt size|hole dia|dia|diameter|vat|tax|discount|process|operation|operations|machine|supplier|location|category|type|lfd nr|gewig|massa|opmerkings|kleur|afwerking|eenheid|gewicht|bemerkung|bemerkungen|fläche|oberfläche|farbe|datum|einheit|mwst|rabatt|btw|nommer|reël",
    ),
];

/// Units that headers and cells are written in, in millimetres.
const UNITS: [(&str, f64); 14] = [
    ("mm", 1.0),
    ("millimeter", 1.0),
    ("millimetre", 1.0),
    ("millimeters", 1.0),
    ("millimetres", 1.0),
    ("cm", 10.0),
    ("m", 1_000.0),
    ("meter", 1_000.0),
    ("metre", 1_000.0),
    ("in", 25.4),
    ("inch", 25.4),
    ("inches", 25.4),
    ("zoll", 25.4),
    ("ft", 304.8),
];

/// Units of counts, weights and money.
const OTHER_UNITS: [&str; 17] = [
    "pcs", "pc", "off", "ea", "each", "no", "nos", "stk", "stück", "kg", "g", "m2", "R", "ZAR",
    "EUR", "€", "$",
];

/// After one of these a header only explains itself: `Qty per set`, `Price excl. VAT`.
const EXPLAINS: [&str; 14] = [
    "per", "of", "for", "each", "excl", "incl", "ex", "inc", "pro", "je", "zzgl", "exkl", "van",
    "vir",
];

/// Words in a longest phrase.
const PHRASE_WORDS_MAX: usize = 4;
/// A header with more words is a sentence.
const HEADER_WORDS_MAX: usize = 8;

static PHRASES: LazyLock<HashMap<&str, (Meaning, u8)>> = LazyLock::new(|| {
    let phrases = |&(meaning, rank, phrases): &(Meaning, u8, &'static str)| {
        phrases
            .split('|')
            .map(move |phrase| (phrase, (meaning, rank)))
    };
    VOCABULARY.iter().flat_map(phrases).collect()
});

/// The millimetres of a unit's word.
pub(super) fn unit_mm(word: &str) -> Option<f64> {
    if matches!(word, "\"" | "″" | "''" | "”") {
        return Some(25.4);
    }
    let word = word.trim_end_matches('.');
    let named = |(unit, _): &&(&str, f64)| word.eq_ignore_ascii_case(unit);
    UNITS.iter().find(named).map(|&(_, mm)| mm)
}

/// Words in lower case; `PartName`, `part_name` and `Part name` are the same.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars().filter(|c| !matches!(c, '\'' | '’')) {
        let joins = c.is_alphanumeric() && !(before.is_lowercase() && c.is_uppercase());
        if !joins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric() || c == '#') {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What a header says, if anything.
pub(super) fn of(header: &str) -> Option<Word> {
    let mut words = words(header);
    if words.is_empty() || words.len() > HEADER_WORDS_MAX {
        return None;
    }
    let inches = header.contains(['"', '″', '”']).then_some(25.4);
    let unit = inches.or_else(|| words.iter().skip(1).rev().find_map(|word| unit_mm(word)));
    let mut at = 0;
    words.retain(|word| {
        at += 1;
        at == 1 || unit_mm(word).is_none()
    });
    let (meaning, rank) = phrase(&words)?;
    Some(Word {
        meaning,
        rank,
        unit_mm: unit,
        letter: matches!(words.as_slice(), [word] if word.chars().count() == 1),
    })
}

/// Whether a header's second row holds nothing else in this cell: `(mm)`, `[in]`, `pcs`.
pub(super) fn is_unit(header: &str) -> bool {
    let word = header.trim_matches(|c: char| "()[]/ .".contains(c));
    let counts = |unit: &str| word.eq_ignore_ascii_case(unit);
    unit_mm(word).is_some() || OTHER_UNITS.iter().any(|unit| counts(unit))
}

/// The whole header, or the phrase that ends last: of `Material thickness` the thickness.
fn phrase(words: &[String]) -> Option<(Meaning, u8)> {
    let known = |words: &[String]| PHRASES.get(words.join(" ").as_str()).copied();
    if let Some(found) = known(words) {
        return Some(found);
    }
    let explains = |word: &String| EXPLAINS.contains(&word.as_str());
    let end = words.iter().skip(1).position(explains).map(|at| at + 1);
    let words = words.get(..end.unwrap_or(words.len()))?;
    (1..=words.len()).rev().find_map(|end| {
        let shortest = end.saturating_sub(1);
        (end.saturating_sub(PHRASE_WORDS_MAX)..=shortest)
            .filter_map(|start| words.get(start..end))
            .filter(|phrase| phrase.len() == words.len() || !is_letter(phrase))
            .find_map(known)
    })
}

fn is_letter(phrase: &[String]) -> bool {
    matches!(phrase, [word] if word.chars().count() == 1)
}

/// What a table with these columns is for.
pub(super) fn schema(has: &BTreeSet<Meaning>) -> Schema {
    use Meaning::{Material, PartName, Price, Quantity, Thickness, Total};
    let all = |wanted: &[Meaning]| wanted.iter().all(|meaning| has.contains(meaning));
    match () {
        () if all(&[PartName, Material, Thickness]) => {
            match has.contains(&Price) || has.contains(&Total) {
                true => Schema::Quote,
                false => Schema::CuttingList,
            }
        }
        () if all(&[PartName, Quantity]) => Schema::PartsList,
        () if all(&[Price, Total]) => Schema::Invoice,
        () if all(&[Material, Quantity]) => Schema::Inventory,
        () => Schema::Generic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_mean_what_people_write() {
        let cases: [(&str, Option<&str>, Option<f64>); 57] = [
            ("Part", Some("part_name"), None),
            ("Part Name", Some("part_name"), None),
            ("PartName", Some("part_name"), None),
            ("part_no.", Some("part_name"), None),
            ("PART DESCRIPTION", Some("part_name"), None),
            ("Beskrywing", Some("part_name"), None),
            ("Bezeichnung", Some("part_name"), None),
            ("Material", Some("material"), None),
            ("Mat'l", Some("material"), None),
            ("Material Grade", Some("material"), None),
            ("Werkstoff", Some("material"), None),
            ("Material thickness (mm)", Some("thickness"), Some(1.0)),
            ("Thk (mm)", Some("thickness"), Some(1.0)),
            ("Thk(mm)", Some("thickness"), Some(1.0)),
            ("t", Some("thickness"), None),
            ("t [mm]", Some("thickness"), Some(1.0)),
            ("T mm", Some("thickness"), Some(1.0)),
            ("Dikte", Some("thickness"), None),
            ("Blechdicke", Some("thickness"), None),
            ("Stärke in mm", Some("thickness"), Some(1.0)),
            ("Width [in]", Some("width"), Some(25.4)),
            ("Width \"", Some("width"), Some(25.4)),
            ("Width, cm", Some("width"), Some(10.0)),
            ("Breedte", Some("width"), None),
            ("Breite", Some("width"), None),
            ("Length/m", Some("height"), Some(1_000.0)),
            ("Länge", Some("height"), None),
            ("H", Some("height"), None),
            ("Qty", Some("quantity"), None),
            ("Qty.", Some("quantity"), None),
            ("Qty req'd", Some("quantity"), None),
            ("Part qty", Some("quantity"), None),
            ("No. off", Some("quantity"), None),
            ("No of", Some("quantity"), None),
            ("Quantity per set", Some("quantity"), None),
            ("Total Qty", Some("quantity"), None),
            ("Aantal", Some("quantity"), None),
            ("Stück", Some("quantity"), None),
            ("Anzahl", Some("quantity"), None),
            ("Unit Price (R)", Some("price"), None),
            ("Price excl. VAT", Some("price"), None),
            ("Total price", Some("total"), None),
            ("Line total ZAR", Some("total"), None),
            ("Gesamtpreis €", Some("total"), None),
            ("Customer", Some("client"), None),
            ("Job No", Some("project"), None),
            ("PO Number", Some("po_number"), None),
            ("Due date", Some("due_date"), None),
            ("Size (mm)", Some("size"), Some(1.0)),
            ("Abmessungen", Some("size"), None),
            ("Weight", None, None),
            ("Holes", None, None),
            ("Status", None, None),
            ("Estimate", None, None),
            ("Watt", None, None),
            ("ID", None, None),
            ("", None, None),
        ];
        for (header, meaning, unit) in cases {
            let word = of(header);
            assert_eq!(
                word.and_then(|word| word.meaning.name()),
                meaning,
                "{header}"
            );
            if meaning.is_some() {
                assert_eq!(word.unwrap().unit_mm, unit, "{header}");
            }
        }
    }

    #[test]
    fn no_phrase_stands_twice() {
        let mut seen = BTreeSet::new();
        for (_, _, phrases) in VOCABULARY {
            for phrase in phrases.split('|') {
                assert!(seen.insert(phrase), "{phrase}");
                assert!(phrase.split(' ').count() <= PHRASE_WORDS_MAX, "{phrase}");
            }
        }
    }
}
