//! What people see: lines, steps with their time, and a table that redraws itself; it must not know what it shows.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::Instant;

use support::Error;

/// Prints one line. A reader that has gone away is no reason to stop.
pub(crate) fn say(line: impl Display) {
    drop(writeln!(stdout(), "{line}"));
    drop(stdout().flush());
}

/// Prints what failed, with every cause, to standard error.
pub(crate) fn complain(error: &Error) {
    drop(writeln!(stderr(), "playground: {error:?}"));
}

/// Whether somebody watches.
pub(crate) fn is_watched() -> bool {
    stdout().is_terminal()
}

/// Does something that takes seconds, and says so before and after.
pub(crate) async fn step<T>(what: &str, work: impl Future<Output = support::Result<T>>) -> support::Result<T> {
    let started = Instant::now();
    say(format_args!("  {what} …"));
    let done = work.await?;
    say(format_args!("  {what}: ready after {:.1} s", started.elapsed().as_secs_f64()));
    Ok(done)
}

/// A table shown again and again: on a terminal it is redrawn in place, elsewhere only changed rows are printed.
pub(crate) struct Live {
    started: Instant,
    shown: Vec<String>,
    redraw: bool,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), shown: Vec::new(), redraw: is_watched() }
    }

    /// Shows these rows; the first is the heading.
    pub(crate) fn show(&mut self, rows: &[Vec<String>]) {
        let lines = align(rows);
        if lines == self.shown {
            return;
        }
        if self.redraw {
            if !self.shown.is_empty() {
                // Up to the first line shown before, and clear from there.
                drop(write!(stdout(), "\x1b[{}A\x1b[J", self.shown.len()));
            }
            for line in &lines {
                say(format_args!("  {line}"));
            }
        } else {
            let seconds = self.started.elapsed().as_secs_f64();
            // Widths may change from one show to the next; only what the cells say counts as a change.
            let before: Vec<String> = self.shown.iter().map(|line| squeeze(line)).collect();
            for line in lines.iter().filter(|line| !before.contains(&squeeze(line))) {
                say(format_args!("  {seconds:5.1} s  {line}"));
            }
        }
        self.shown = lines;
    }
}

fn squeeze(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Columns as wide as their widest cell.
fn align(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}
