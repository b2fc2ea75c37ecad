//! Figures as a shop writes them: millimetres without needless places, longer ways in metres.

/// What stands where nothing is known.
pub(crate) const UNKNOWN: &str = "–";

/// Millimetres with at most two places.
pub(crate) fn mm(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} mm")
}

/// A way to be cut: metres from one metre on.
pub(crate) fn length(mm_long: f64) -> String {
    if mm_long < 1_000.0 {
        return mm(mm_long);
    }
    format!("{:.2} m", mm_long / 1_000.0)
}

/// A size across and along.
pub(crate) fn size((width, height): (f64, f64)) -> String {
    let across = mm(width);
    format!("{} × {}", across.trim_end_matches(" mm"), mm(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_short_as_they_may_be() {
        let shown = [
            mm(4.0),
            mm(1.2),
            mm(0.504),
            mm(100.0),
            length(999.994),
            length(1_000.0),
            length(12_345.6),
            size((150.0, 60.5)),
        ];
        let expected = [
            "4 mm",
            "1.2 mm",
            "0.5 mm",
            "100 mm",
            "999.99 mm",
            "1.00 m",
            "12.35 m",
            "150 × 60.5 mm",
        ];
        assert_eq!(shown, expected);
    }
}
