//! The lines that a guest logs or prints in one turn, counted and cut.
//! Filled by `imports` (the log call) and `wasi` (standard output and error), emptied by `instance` after every turn.
//! Never grows beyond the manifest's limits, whatever the guest writes.

use crate::effects::{Level, LogLine};
use crate::manifest::Limits;
use crate::wasm::fault::cut;

/// What a guest wrote so far.
pub(super) struct Lines {
    lines_max: usize,
    line_bytes_max: usize,
    lines: Vec<LogLine>,
    dropped: u32,
    /// Lines of standard output and error that have no end yet.
    output: Vec<u8>,
    error: Vec<u8>,
}

/// Where a guest prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output: lines of level info.
    Output,
    /// Standard error: lines of level warn.
    Error,
}

impl Lines {
    /// None yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            lines_max: limits.log_lines_max as usize,
            line_bytes_max: limits.log_line_bytes_max as usize,
            lines: Vec::new(),
            dropped: 0,
            output: Vec::new(),
            error: Vec::new(),
        }
    }

    /// Adds text that the guest logged; a line break begins another line.
    pub(super) fn log(&mut self, level: Level, text: &str) {
        for line in text.trim_end_matches(['\r', '\n']).split('\n') {
            self.push(level, line.trim_end_matches('\r'));
        }
    }

    /// Adds bytes that the guest printed: lines as they end, the rest when it goes on or the turn ends.
    pub(super) fn print(&mut self, stream: Stream, bytes: &[u8]) {
        let mut parts = bytes.split(|&byte| byte == b'\n');
        let last = parts.next_back().unwrap_or_default();
        for part in parts {
            self.extend(stream, part);
            self.end(stream);
        }
        self.extend(stream, last);
    }

    /// All lines, the unended ones too, and how many were dropped; both begin anew.
    pub(super) fn take(&mut self) -> (Vec<LogLine>, u32) {
        for stream in [Stream::Output, Stream::Error] {
            if !self.partial(stream).is_empty() {
                self.end(stream);
            }
        }
        (std::mem::take(&mut self.lines), std::mem::take(&mut self.dropped))
    }

    /// The panic that standard error tells of: where, and on the next line what.
    pub(super) fn panic_message(&self) -> Option<String> {
        let at = self.lines.iter().position(|line| line.level == Level::Warn && line.text.contains("panicked at "))?;
        let told: Vec<&str> = self.lines.iter().skip(at).take(2).map(|line| line.text.as_str()).collect();
        Some(told.join(" "))
    }

    fn partial(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Error => &mut self.error,
        }
    }

    fn extend(&mut self, stream: Stream, bytes: &[u8]) {
        let bytes_max = self.line_bytes_max;
        let partial = self.partial(stream);
        let room = bytes_max.saturating_sub(partial.len());
        partial.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn end(&mut self, stream: Stream) {
        let line = std::mem::take(self.partial(stream));
        let level = if stream == Stream::Output { Level::Info } else { Level::Warn };
        self.push(level, String::from_utf8_lossy(&line).trim_end_matches('\r'));
    }

    fn push(&mut self, level: Level, line: &str) {
        if self.lines.len() < self.lines_max {
            self.lines.push(LogLine { level, text: cut(line, self.line_bytes_max) });
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        Lines::new(&Limits { log_lines_max: 3, log_line_bytes_max: 4, ..Limits::default() })
    }

    fn texts(lines: &mut Lines) -> Vec<String> {
        lines.take().0.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn too_many_lines_are_counted_and_long_ones_cut() {
        let mut lines = lines();
        lines.log(Level::Info, "one\r\ntwo and more\n\nfour\nfive\n");
        let (kept, dropped) = lines.take();
        assert_eq!(kept.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["one", "two ", ""]);
        assert_eq!((dropped, lines.take().1), (2, 0));
    }

    #[test]
    fn a_panic_is_found_among_the_lines() {
        let mut lines = Lines::new(&Limits::default());
        assert_eq!(lines.panic_message(), None);
        lines.print(Stream::Error, b"\nthread '<unnamed>' panicked at src/lib.rs:3:9:\nthe bug\nnote: more\n");
        assert_eq!(lines.panic_message().as_deref(), Some("thread '<unnamed>' panicked at src/lib.rs:3:9: the bug"));
    }

    #[test]
    fn printed_pieces_become_lines() {
        let mut lines = lines();
        lines.print(Stream::Output, b"ab");
        lines.print(Stream::Error, b"oops");
        lines.print(Stream::Output, b"cdefgh\nxy");
        assert_eq!(texts(&mut lines), ["abcd", "xy", "oops"]);
        assert!(texts(&mut lines).is_empty());
    }
}
