//! Tables as RFC 4180 writes them. Must never hand a spreadsheet a formula that came from a stranger.

use serde_json::Value as Json;

/// A heading of `columns`, then a line for each row: its members of those names.
pub fn csv_table(columns: &[&str], rows: impl Iterator<Item = Json>) -> String {
    let mut table = columns.join(",");
    table.push_str("\r\n");
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|name| cell(row.get(*name))).collect();
        table.push_str(&cells.join(","));
        table.push_str("\r\n");
    }
    table
}

fn cell(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => quoted(text),
        Some(other @ (Json::Array(_) | Json::Object(_))) => quoted(&other.to_string()),
        Some(plain) => plain.to_string(),
    }
}

/// A quote before what a spreadsheet would take for a formula keeps it a text.
fn quoted(text: &str) -> String {
    let guard = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => "'",
        false => "",
    };
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => format!("{guard}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_is_csv() {
        let rows = [
            json!({"name": "Plate, \"left\"", "mm": 2.5, "odd": [1]}),
            json!({"name": "=HYPERLINK(1)", "mm": null}),
        ];
        let table = csv_table(&["name", "mm", "odd"], rows.into_iter());
        let expected = "name,mm,odd\r\n\"Plate, \"\"left\"\"\",2.5,[1]\r\n'=HYPERLINK(1),,\r\n";
        assert_eq!(table, expected);
    }
}
