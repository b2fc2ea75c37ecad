//! `metadata.extracted`: what was found in a file under the names that older clients read, one shape for each kind. The
//! whole finding, under names that are the same for all kinds, stands beside it as `extraction`.

use drawing::Role;
use extract::{Document, DrawingSection, Extraction, Kind, Table};
use serde_json::{Map, Value, json};

/// Rows of a table that are repeated here.
const ROWS_MAX: usize = 100;

/// The shape of the file's kind; what was not found is absent.
pub(super) fn extracted(extraction: &Extraction) -> Value {
    let mut shape = Map::new();
    if let Some(section) = &extraction.drawing {
        of_drawing(&mut shape, section, extraction.kind);
    }
    if let Some(document) = &extraction.document {
        match extraction.kind {
            Some(Kind::Excel) => of_workbook(&mut shape, document),
            Some(Kind::Image) => of_image(&mut shape, document),
            Some(Kind::Pdf) => of_pages(&mut shape, document),
            _ => of_text(&mut shape, document),
        }
    }
    Value::Object(shape)
}

fn put(shape: &mut Map<String, Value>, entries: Value) {
    if let Value::Object(entries) = entries {
        shape.extend(entries.into_iter().filter(|(_, value)| !value.is_null()));
    }
}

fn of_drawing(shape: &mut Map<String, Value>, section: &DrawingSection, kind: Option<Kind>) {
    let measures = &section.measures;
    let layers = measures.layers.iter().map(|layer| layer.name.as_str());
    let layers: Vec<&str> = layers.collect();
    let bounding_box = measures.extents_mm.map(|extents| {
        let (width, height) = extents.rounded_size();
        let mut corners = json!(extents);
        if let Value::Object(corners) = &mut corners {
            corners.insert("width".to_owned(), json!(width));
            corners.insert("height".to_owned(), json!(height));
        }
        corners
    });
    put(
        shape,
        json!({
            "layers": layers,
            "layer_count": layers.len(),
            "entity_counts": measures.entity_counts,
            "bounding_box": bounding_box,
            "text_notes": section.texts,
            "holes": holes(section),
            "perimeter_mm": measures.cut_length_mm,
            "area_mm2": measures.net_area_mm2,
        }),
    );
    match kind {
        Some(Kind::Dxf) => put(shape, json!({ "dxf_version": section.format_version })),
        Some(Kind::Lightburn) => {
            put(shape, json!({ "text_elements": section.texts }));
            put(shape, json!(section.lightburn));
        }
        _ => {}
    }
}

/// Each round hole with its centre.
fn holes(section: &DrawingSection) -> Vec<Value> {
    let contours = section.measures.contours.iter();
    let holes = contours.filter(|contour| contour.role == Role::Hole);
    holes
        .filter_map(|contour| {
            let diameter = contour.diameter_mm?;
            let corners = json!(contour.extents_mm);
            let middle = |from: &str, to: &str| {
                Some((corners.get(from)?.as_f64()? + corners.get(to)?.as_f64()?) / 2.0)
            };
            Some(json!({
                "diameter": diameter,
                "center_x": middle("min_x", "max_x"),
                "center_y": middle("min_y", "max_y"),
            }))
        })
        .collect()
}

fn of_pages(shape: &mut Map<String, Value>, document: &Document) {
    let tables = document.tables.iter().enumerate().map(|(at, table)| {
        json!({
            "table_number": at + 1,
            "page": table.place,
            "rows": table.rows_total,
            "columns": width(table),
            "data": (table.rows_total < ROWS_MAX as u64).then_some(&table.rows),
        })
    });
    put(
        shape,
        json!({
            "page_count": document.pages_total,
            "text_content": document.text,
            "tables": tables.collect::<Vec<_>>(),
            "images_count": document.images_total,
            "pdf_metadata": document.info,
            "pdf_version": document.format_version,
        }),
    );
}

fn of_workbook(shape: &mut Map<String, Value>, document: &Document) {
    let names: Vec<&String> = document.sheets.iter().map(|sheet| &sheet.name).collect();
    let table = document.tables.first();
    put(
        shape,
        json!({
            "sheet_names": names,
            "sheet_count": names.len(),
            "row_count": table.map(|table| table.rows_total),
            "column_count": table.map(width),
            "headers": table.map(|table| &table.header),
            "data_rows": table.map(|table| table.rows.iter().take(ROWS_MAX).collect::<Vec<_>>()),
            "detected_schema": document.schema,
            "column_mapping": table.map(|table| &table.columns),
        }),
    );
}

fn of_image(shape: &mut Map<String, Value>, document: &Document) {
    if let Some(image) = &document.image {
        put(
            shape,
            json!({
                "width": image.width_px,
                "height": image.height_px,
                "format": image.format,
                "mode": image.mode,
                "dpi": image.dpi,
                "exif": image.exif,
            }),
        );
    }
    let available = document.ocr.as_ref().is_some_and(|ocr| ocr.available);
    put(
        shape,
        json!({ "ocr_available": available, "ocr_text": document.text }),
    );
}

fn of_text(shape: &mut Map<String, Value>, document: &Document) {
    put(
        shape,
        json!({ "text_content": document.text, "metadata": document.info }),
    );
}

fn width(table: &Table) -> usize {
    let rows = table.rows.iter().map(Vec::len);
    rows.fold(table.header.len(), usize::max)
}
