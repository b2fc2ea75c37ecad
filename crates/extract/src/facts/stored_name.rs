//! The name a file is stored under, built from its facts; `read_name` reads it back. It must never omit `-xN-vN` nor grow past its limit.

use unicode_normalization::UnicodeNormalization;

use super::clean::cut;
use super::codes::{ClientCode, NO_PROJECT, ProjectCode, UNKNOWN_CLIENT};
use super::rules::Rules;

/// Stands for a part that is not known.
pub(super) const NO_PART: &str = "Part";
/// Stands for a material that is not known or has no code.
pub(super) const UNKNOWN_MATERIAL: &str = "UNK";
/// Bytes before `-xN-vN.ext`.
const HEAD_BYTES_MAX: usize = 200;
/// Bytes of an extension.
const EXTENSION_BYTES_MAX: usize = 16;

/// What a stored name is made of.
#[derive(Debug, Clone, Copy)]
pub struct StoredNameParts<'a> {
    pub client_code: Option<&'a ClientCode>,
    pub project_code: Option<&'a ProjectCode>,
    pub part_name: Option<&'a str>,
    /// A material's name, code or alias.
    pub material: Option<&'a str>,
    pub thickness_mm: Option<f64>,
    /// 1 when not known.
    pub quantity: Option<u32>,
    pub version: u32,
    /// With or without its dot.
    pub extension: &'a str,
}

/// `{client}-{project}-{part}-{material code}[-{T}mm]-x{quantity}-v{version}.{extension}`; of a long name the part gives way, so
/// that material and thickness stay readable.
pub fn stored_name(parts: &StoredNameParts<'_>, rules: &Rules) -> String {
    let client = parts.client_code.map_or(UNKNOWN_CLIENT, ClientCode::as_str);
    let project = parts.project_code.map_or(NO_PROJECT, ProjectCode::as_str);
    let code = parts
        .material
        .and_then(|name| rules.materials.code_of(name))
        .map(|code| alphanumeric(code, EXTENSION_BYTES_MAX));
    let code = code
        .filter(|code| !code.is_empty())
        .unwrap_or_else(|| UNKNOWN_MATERIAL.to_owned());
    let known = parts
        .thickness_mm
        .filter(|mm| mm.is_finite() && *mm > 0.0 && *mm <= rules.thickness_mm_max);
    let thickness = known.map_or(String::new(), |mm| format!("-{mm}mm"));
    let taken = client.len() + project.len() + code.len() + thickness.len() + 3;
    let slug = part_slug(parts.part_name.unwrap_or_default());
    let part = match cut(&slug, HEAD_BYTES_MAX.saturating_sub(taken)).trim_end_matches('-') {
        "" => NO_PART,
        part => part,
    };
    let (quantity, version) = (parts.quantity.unwrap_or(1).max(1), parts.version.max(1));
    let extension = match alphanumeric(parts.extension, EXTENSION_BYTES_MAX).to_lowercase() {
        empty if empty.is_empty() => "bin".to_owned(),
        extension => extension,
    };
    format!("{client}-{project}-{part}-{code}{thickness}-x{quantity}-v{version}.{extension}")
}

/// A part's name as it stands in stored names: letters, digits, `_` and `-` only. Versions of a part are files with equal slugs.
pub fn part_slug(part_name: &str) -> String {
    let kept: String = part_name
        .nfc()
        .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        .collect();
    // Letters that now stand together may compose.
    kept.nfc().collect::<String>().trim_matches('-').to_owned()
}

fn alphanumeric(text: &str, bytes_max: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    cut(&kept, bytes_max).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::read_name;
    use super::*;

    const NOTHING: StoredNameParts<'static> = StoredNameParts {
        client_code: None,
        project_code: None,
        part_name: None,
        material: None,
        thickness_mm: None,
        quantity: None,
        version: 1,
        extension: "dxf",
    };

    #[test]
    fn names_are_built_with_their_placeholders_and_always_their_tail() {
        let rules = Rules::default();
        let client = ClientCode::parse("CL-0001").unwrap();
        let project = ProjectCode::parse("JB-2025-10-CL0001-001").unwrap();
        let whole = StoredNameParts {
            client_code: Some(&client),
            project_code: Some(&project),
            part_name: Some("Bracket Left"),
            material: Some("Mild Steel"),
            thickness_mm: Some(5.0),
            quantity: Some(14),
            ..NOTHING
        };
        let name = |parts: StoredNameParts<'_>| stored_name(&parts, &rules);
        assert_eq!(
            name(whole),
            "CL0001-JB-2025-10-CL0001-001-BracketLeft-MS-5mm-x14-v1.dxf"
        );
        assert_eq!(name(NOTHING), "UNKNOWN-NOPROJECT-Part-UNK-x1-v1.dxf");
        let odd = StoredNameParts {
            part_name: Some("../e t*c/.."),
            material: Some("Sureaz"),
            thickness_mm: Some(0.53),
            version: 3,
            extension: ".D/XF",
            ..NOTHING
        };
        assert_eq!(name(odd), "UNKNOWN-NOPROJECT-etc-UNK-0.53mm-x1-v3.dxf");
        let none = StoredNameParts {
            thickness_mm: Some(f64::NAN),
            extension: "",
            ..NOTHING
        };
        assert_eq!(name(none), "UNKNOWN-NOPROJECT-Part-UNK-x1-v1.bin");
    }

    #[test]
    fn a_long_part_gives_way_to_material_and_thickness() {
        let part = "ä".repeat(500);
        let long = StoredNameParts {
            part_name: Some(&part),
            material: Some("SS"),
            thickness_mm: Some(1.2),
            ..NOTHING
        };
        let name = stored_name(&long, &Rules::default());
        let head = name.strip_suffix("-x1-v1.dxf").unwrap();
        assert!(head.ends_with("ä-SS-1.2mm") && (199..=200).contains(&head.len()));
    }

    prop_compose! {
        fn code()(client in 0..10_000u32, year in 1990..2100u32, month in 1..=12u32, number in 0..1000u32) -> String {
            format!("JB-{year}-{month:02}-CL{client:04}-{number:03}")
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(
            project in proptest::option::of(code()),
            with_client in any::<bool>(),
            part in proptest::option::of("\\PC{0,30}|[A-Za-z0-9 _.-]{0,30}|(MS|Galv|UNK|x5|v2|5mm|0|0005|Part|CL0001)([-_ ](MS|x5|v2|5mm|0|053mm|Rev 1)){0,3}"),
            material in proptest::option::of(proptest::sample::select(vec!["Mild Steel", "Vastrap", "Galvanized Steel", "Other"])),
            thickness_mm in proptest::option::of(0.001..300.0f64),
            quantity in 1..=1_000_000u32,
            version in 1..1_000_000u32,
        ) {
            let rules = Rules::default();
            let project = project.map(|code| ProjectCode::parse(&code).unwrap());
            let client = project.as_ref().and_then(ProjectCode::client).filter(|_| with_client);
            let name = stored_name(&StoredNameParts {
                client_code: client.as_ref(),
                project_code: project.as_ref(),
                part_name: part.as_deref(),
                material,
                thickness_mm,
                quantity: Some(quantity),
                version,
                extension: "lbrn2",
            }, &rules);
            let facts = read_name(&name, &rules).facts;
            let slug = part.as_deref().map(part_slug).filter(|slug| !slug.is_empty() && slug != NO_PART);
            prop_assert_eq!(facts.client_code.map(|f| f.value), client, "{}", &name);
            prop_assert_eq!(facts.project_code.map(|f| f.value), project, "{}", &name);
            prop_assert_eq!(facts.part_name.map(|f| f.value), slug, "{}", &name);
            prop_assert_eq!(facts.material.map(|f| f.value), material.map(str::to_owned), "{}", &name);
            prop_assert_eq!(facts.thickness_mm.map(|f| f.value), thickness_mm, "{}", &name);
            prop_assert_eq!(facts.quantity.map(|f| f.value), Some(quantity), "{}", &name);
            prop_assert_eq!(facts.version.map(|f| f.value), Some(version), "{}", &name);
            prop_assert!(facts.job_number.is_none());
        }
    }
}
