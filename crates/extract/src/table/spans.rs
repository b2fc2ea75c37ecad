//! Merged cells: which cell speaks for one that is covered. It must never be asked to walk the area of a merge: that may
//! be the whole sheet.

use std::collections::BTreeMap;

/// An area merged into its first cell; rows from 1, columns from 0, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) rows: (u64, u64),
    pub(crate) columns: (usize, usize),
}

/// The merged areas of a grid, found by their first row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    /// Columns of every area, by its first column.
    down: BTreeMap<usize, Vec<(u64, u64)>>,
    /// Areas by their first row.
    across: BTreeMap<u64, Vec<(usize, usize)>>,
}

impl Spans {
    pub(crate) fn new(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut all = Self::default();
        for Span { rows, columns } in spans {
            all.down.entry(columns.0).or_default().push(rows);
            all.across.entry(rows.0).or_default().push(columns);
        }
        for rows in all.down.values_mut() {
            rows.sort_unstable();
        }
        all
    }

    /// The first row of the merge that covers this cell of its first column.
    pub(super) fn first_row(&self, row: u64, column: usize) -> Option<u64> {
        let areas = self.down.get(&column)?;
        let after = areas.partition_point(|&(first, _)| first <= row);
        let (first, last) = *areas.get(after.checked_sub(1)?)?;
        (first < row && row <= last).then_some(first)
    }

    /// The first column of the merge that begins in this row and covers this column.
    pub(super) fn first_column(&self, row: u64, column: usize) -> Option<usize> {
        let areas = self.across.get(&row)?;
        let covers = |&&(first, last): &&(usize, usize)| first < column && column <= last;
        areas.iter().find(covers).map(|&(first, _)| first)
    }
}
