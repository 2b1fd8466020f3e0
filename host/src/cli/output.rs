//! How results look: small tables for people, JSON for programs, bytes as they are.
//! Results go to standard output and nothing else does. What a guest wrote is made harmless before a terminal sees it.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{LineStyle, Table, TableStyle};
use hydra::clock::Time;
use serde::Serialize;

/// Prints results, in one of the two forms.
pub(super) struct Output {
    /// For programs.
    pub(super) json: bool,
}

impl Output {
    /// For people, or as JSON for programs.
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A list: a table for people, an array for programs.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(super) fn list<T: Serialize>(
        &self,
        items: &[T],
        header: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> Result<()> {
        if self.json {
            return self.value(&items);
        }
        let rows = items.iter().map(row).collect();
        text(&table(header, rows, std::io::stdout().is_terminal()))
    }

    /// One thing with named properties: aligned lines for people, an object for programs.
    ///
    /// # Errors
    /// As [`Output::list`].
    pub(super) fn record<T: Serialize>(&self, item: &T, lines: &[(&str, String)]) -> Result<()> {
        if self.json {
            return self.value(item);
        }
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let style = Style::new().dimmed();
        let mut out = String::new();
        for (name, value) in lines {
            let indented = value.replace('\n', &format!("\n{:width$}  ", ""));
            let _ = writeln!(out, "{style}{name:<width$}{style:#}  {indented}");
        }
        text(&out)
    }

    /// What was done, in a sentence for people, as an object for programs.
    ///
    /// # Errors
    /// As [`Output::list`].
    pub(super) fn done<T: Serialize>(&self, item: &T, sentence: &str) -> Result<()> {
        if self.json { self.value(item) } else { text(&format!("{sentence}\n")) }
    }

    /// One line of JSON.
    ///
    /// # Errors
    /// As [`Output::list`].
    pub(super) fn value<T: Serialize>(&self, item: &T) -> Result<()> {
        let mut line = serde_json::to_vec(item)?;
        line.push(b'\n');
        bytes(&line)
    }
}

/// Text to standard output; colours only where they are wanted.
///
/// # Errors
/// Standard output is closed.
pub(super) fn text(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Bytes to standard output, untouched.
///
/// # Errors
/// Standard output is closed.
pub(super) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// A line for people that is not a result, to standard error.
pub(super) fn note(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// A warning, to standard error.
pub(super) fn warning(line: &str) {
    let style = AnsiColor::Yellow.on_default().bold();
    note(&format!("{style}warning{style:#}: {}", printable(line)));
}

/// Tells why the process ends, and with what.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        // Whoever read our output has seen enough: `hydra actor ls | head` is no failure.
        return ExitCode::SUCCESS;
    }
    let style = AnsiColor::Red.on_default().bold();
    note(&format!("{style}error{style:#}: {error:#}"));
    ExitCode::FAILURE
}

/// Aligned columns; a line below the header only on a terminal.
fn table(header: &[&str], rows: Vec<Vec<String>>, terminal: bool) -> String {
    let style = TableStyle::new();
    let style = if terminal { style.header_separator(LineStyle::none().fill('─').junction('─')) } else { style };
    let mut table = Table::new();
    table.load_style(style).set_header(header.iter().map(|name| name.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    lines.concat()
}

/// Text from outside without control characters: nobody steers a terminal through an id or a log line. Line breaks stay.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// A size for people.
pub(super) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// Time of day in UTC, for lines that follow one another: `10:18:28.123`.
pub(super) fn time_of_day(time: Time) -> String {
    let ms = time.0 % 86_400_000;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

/// Bytes as JSON: as text if they are text, else in base64.
pub(super) fn bytes_value(bytes: &[u8]) -> serde_json::Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::json!({ "text": text }),
        Err(_) => serde_json::json!({ "base64": data_encoding::BASE64.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_else_is_drawn_when_piped() {
        let rows = vec![vec!["counter".into(), "3".into()], vec!["a".into(), "12".into()]];
        assert_eq!(table(&["kind", "version"], rows.clone(), false), "KIND     VERSION\ncounter  3\na        12\n");
        assert_eq!(table(&["kind", "version"], rows, true).lines().count(), 4);
    }

    #[test]
    fn nobody_steers_a_terminal_from_outside() {
        assert_eq!(printable("a\u{1b}[2Jb\tc\u{9b}\nd"), "a\\u{1b}[2Jb\\tc\\u{9b}\nd");
    }

    #[test]
    fn a_moment_is_shown_as_time_of_day() {
        assert_eq!(time_of_day(Time(1_000 * 86_400_000 + 37_108_123)), "10:18:28.123");
    }

    #[test]
    fn bytes_that_are_no_text_become_base64() {
        assert_eq!(bytes_value(b"5"), serde_json::json!({ "text": "5" }));
        assert_eq!(bytes_value(&[0xff]), serde_json::json!({ "base64": "/w==" }));
    }
}
