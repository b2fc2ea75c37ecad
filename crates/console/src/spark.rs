//! Small charts as SVG: a bar for each hour, with the figures in words for those who do not see them.

use crate::look::Markup;

/// A chart's series, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spark<'a> {
    /// What is counted, such as `files`.
    pub label: &'a str,
    /// All of it.
    pub values: &'a [i64],
    /// That part of each value that is bad; as long as `values`, or empty.
    pub bad: &'a [i64],
}

const WIDTH: i64 = 240;
const HEIGHT: i64 = 40;

/// Bars over the last hours. `None` values are 0; the highest fills the height.
pub fn sparkline(spark: &Spark<'_>) -> Markup {
    let highest = spark.values.iter().copied().max().unwrap_or(0).max(1);
    let count = i64::try_from(spark.values.len()).unwrap_or(1).max(1);
    let step = WIDTH / count;
    let mut bars = String::new();
    let height = |value: i64| match value {
        ..=0 => 0,
        value => (value * HEIGHT / highest).max(2),
    };
    for (at, value) in (0..).zip(spark.values) {
        let x = at * step;
        let width = (step - 2).max(1);
        let tall = height(*value);
        bars.push_str(&format!(
            "<rect class=\"bar\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{tall}\"/>",
            HEIGHT - tall
        ));
        let bad = usize::try_from(at).ok().and_then(|at| spark.bad.get(at));
        let bad = height(bad.copied().unwrap_or(0)).min(tall);
        if bad > 0 {
            bars.push_str(&format!(
                "<rect class=\"bar bad\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{bad}\"/>",
                HEIGHT - bad
            ));
        }
    }
    let total: i64 = spark.values.iter().sum();
    let bad: i64 = spark.bad.iter().sum();
    let hours = spark.values.len();
    let words = format!(
        "{} in the last {hours} hours: {total}, at most {highest} in one hour, {bad} bad",
        spark.label
    );
    Markup(format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{words}\"><line class=\"base\" x1=\"0\" y1=\"{HEIGHT}\" x2=\"{WIDTH}\" y2=\"{HEIGHT}\"/>{bars}</svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_values_and_told_in_words() {
        let spark = Spark {
            label: "files",
            values: &[0, 5, 10],
            bad: &[0, 1, 0],
        };
        let svg = sparkline(&spark).to_string();
        assert!(svg.contains("files in the last 3 hours: 15, at most 10 in one hour, 1 bad"));
        assert!(svg.contains("y=\"0\" width=\"78\" height=\"40\""), "{svg}");
        assert!(svg.contains("bar bad\" x=\"80\" y=\"36\""), "{svg}");
        assert!(
            sparkline(&Spark {
                label: "x",
                values: &[],
                bad: &[]
            })
            .to_string()
            .ends_with("</svg>")
        );
    }
}
