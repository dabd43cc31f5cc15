//! Rows for people, in columns.

use crate::output::Output;

/// Prints rows under a head, each column as wide as its widest cell.
///
/// # Errors
/// When the reader is gone.
pub(crate) fn print(
    head: &[&str],
    rows: &[Vec<String>],
    output: &mut Output,
) -> std::io::Result<()> {
    for line in lines(head, rows) {
        output.line(line)?;
    }
    Ok(())
}

fn lines(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let head = head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
    let all = || std::iter::once(&head).chain(rows);
    let widths = (0..head.len()).map(|column| {
        all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let widths = widths.collect::<Vec<_>>();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns stand under each other.
    #[test]
    fn columns() {
        let rows =
            [vec!["1".to_owned(), "settled".to_owned()], vec!["12".to_owned(), "a".to_owned()]];
        let expected = ["epoch  status", "1      settled", "12     a"];
        assert_eq!(lines(&["epoch", "status"], &rows), expected);
    }
}
