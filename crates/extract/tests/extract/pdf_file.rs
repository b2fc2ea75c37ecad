//! A PDF made by hand for a test: pages of operators, streams, objects. Never checks what it writes.

/// Objects by their place, from 1; the catalogue and the pages come last.
#[derive(Default)]
pub(crate) struct PdfFile {
    objects: Vec<Vec<u8>>,
    pages: Vec<usize>,
    /// More entries of the trailer.
    pub(crate) trailer: String,
}

impl PdfFile {
    /// One A4 page with Helvetica as `/F1` and these operators.
    pub(crate) fn page(operators: &str) -> Vec<u8> {
        let mut file = Self::default();
        file.add_page("", operators);
        file.bytes()
    }

    /// Adds an object; answers its number.
    pub(crate) fn object(&mut self, body: impl Into<Vec<u8>>) -> usize {
        self.objects.push(body.into());
        self.objects.len()
    }

    pub(crate) fn stream(&mut self, entries: &str, data: &[u8]) -> usize {
        let mut body = format!("<< {entries} /Length {} >>\nstream\n", data.len()).into_bytes();
        body.extend_from_slice(data);
        body.extend_from_slice(b"\nendstream");
        self.object(body)
    }

    /// Adds a page with more entries for its dictionary, which may bring its own box and resources.
    pub(crate) fn add_page(&mut self, entries: &str, operators: &str) {
        let contents = self.stream("", operators.as_bytes());
        let mut page = format!("<< /Type /Page /Parent 999 0 R /Contents {contents} 0 R {entries}");
        if !entries.contains("/MediaBox") {
            page.push_str(" /MediaBox [0 0 595 842]");
        }
        if !entries.contains("/Resources") {
            page.push_str(" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >> >>");
        }
        page.push_str(" >>");
        let place = self.object(page);
        self.pages.push(place);
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        let kids: String = self
            .pages
            .iter()
            .map(|page| format!("{page} 0 R "))
            .collect();
        let pages = format!(
            "<< /Type /Pages /Kids [{kids}] /Count {} >>",
            self.pages.len()
        );
        let pages = self.object(pages);
        let root = self.object(format!("<< /Type /Catalog /Pages {pages} 0 R >>"));
        let mut bytes = b"%PDF-1.7\n".to_vec();
        let mut offsets = Vec::new();
        for (place, body) in (1..).zip(&self.objects) {
            offsets.push(bytes.len());
            bytes.extend_from_slice(format!("{place} 0 obj\n").as_bytes());
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(b"\nendobj\n");
        }
        let xref = bytes.len();
        let mut tail = format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1);
        for offset in &offsets {
            tail += &format!("{offset:010} 00000 n \n");
        }
        tail += &format!(
            "trailer\n<< /Size {} /Root {root} 0 R {} >>\nstartxref\n{xref}\n%%EOF\n",
            offsets.len() + 1,
            self.trailer
        );
        bytes.extend_from_slice(tail.as_bytes());
        bytes
    }
}

/// Words at a place in points from the bottom left, with the size of the type.
pub(crate) fn text(words: &str, x: f64, y: f64, size: f64) -> String {
    let words = words
        .replace('\\', "\\\\")
        .replace('(', "\\(")
        .replace(')', "\\)");
    format!("BT /F1 {size} Tf {x} {y} Td ({words}) Tj ET\n")
}

/// A stroked rectangle.
pub(crate) fn rectangle(x: f64, y: f64, width: f64, height: f64) -> String {
    format!("{x} {y} {width} {height} re S\n")
}

/// A stroked circle of four Béziers.
pub(crate) fn circle(x: f64, y: f64, radius: f64) -> String {
    let k = radius * 0.552_284_75;
    let (l, r, b, t) = (x - radius, x + radius, y - radius, y + radius);
    format!(
        "{r} {y} m {r} {} {} {t} {x} {t} c {} {t} {l} {} {l} {y} c {l} {} {} {b} {x} {b} c {} {b} {r} {} {r} {y} c h S\n",
        y + k,
        x + k,
        x - k,
        y + k,
        y - k,
        x - k,
        x + k,
        y - k
    )
}

/// A ruled table with its top left corner there, 20 points a row: words in cells, columns of these widths.
pub(crate) fn ruled_table(x: f64, top: f64, widths: &[f64], rows: &[&[&str]]) -> String {
    let mut operators = String::new();
    let mut y = top;
    for row in rows {
        y -= 20.0;
        let mut left = x;
        for (width, words) in widths.iter().zip(*row) {
            operators += &rectangle(left, y, *width, 20.0);
            operators += &text(words, left + 3.0, y + 6.0, 9.0);
            left += width;
        }
    }
    operators
}
