//! Lays a picture of a host out in a terminal. Pure: a frame of the same picture is the same frame.
//! Never shows a control character that an actor's name holds.

use hydra::history::Summary;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table};

use super::super::event_lines::duration;
use super::super::output::printable;
use super::picture::{KindRow, Picture, Sort, is_failure};

/// What is on the screen.
pub(super) struct Screen {
    /// None: there were no two looks yet.
    pub(super) picture: Option<Picture>,
    /// Why the last look failed.
    pub(super) trouble: Option<String>,
    /// Where the host is.
    pub(super) url: String,
    pub(super) sort: Sort,
    pub(super) paused: bool,
}

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const BAD: Style = Style::new().fg(Color::Red);

/// Draws everything.
pub(super) fn draw(frame: &mut Frame, screen: &Screen) {
    let [head, kinds, actors, keys] =
        Layout::vertical([Constraint::Length(3), Constraint::Fill(1), Constraint::Fill(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(header(screen)), head);
    if let Some(picture) = &screen.picture {
        draw_kinds(frame, kinds, picture, screen.sort);
        let [slowest, failing] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(actors);
        draw_actors(frame, slowest, "slowest actors", &picture.slowest);
        draw_actors(frame, failing, "failing actors", &picture.failing);
    }
    let text = format!(
        "q quit   s sort kinds (by {})   p {}",
        screen.sort.word(),
        if screen.paused { "go on" } else { "pause" }
    );
    frame.render_widget(Paragraph::new(text).style(DIM), keys);
}

fn header(screen: &Screen) -> Vec<Line<'static>> {
    let Some(picture) = &screen.picture else {
        let waits = screen.trouble.clone().unwrap_or_else(|| format!("looking at {}", screen.url));
        return vec![Line::from(printable(&waits))];
    };
    let state = match (&screen.trouble, screen.paused, picture.ready) {
        (Some(trouble), ..) => Span::styled(printable(trouble), BAD),
        (None, true, _) => Span::styled("paused", BOLD),
        (None, false, true) => Span::raw("serves"),
        (None, false, false) => Span::styled("does not serve: hydra doctor", BAD),
    };
    let first = Line::from(vec![
        Span::styled(printable(&picture.node), BOLD),
        Span::styled(format!("  {}  ", screen.url), DIM),
        state,
    ]);
    let oldest = picture.oldest_seconds.map_or_else(|| "none".into(), |seconds| format!("{seconds:.1} s"));
    let second = format!(
        "{:.1} turns/s   {:.1} accepted/s   {} awake   {} of {} buckets   oldest message {oldest}",
        picture.turns_per_second, picture.accepted_per_second, picture.awake, picture.buckets_served, picture.buckets
    );
    let held = Line::from(vec![
        Span::styled(format!("{} dead letters", picture.dead_letters), worrying(picture.dead_letters > 0.0)),
        Span::raw("   "),
        Span::styled(format!("{} actors parked", picture.parked), worrying(picture.parked > 0)),
    ]);
    vec![first, Line::from(second), held]
}

fn worrying(is_so: bool) -> Style {
    if is_so { BAD } else { DIM }
}

fn draw_kinds(frame: &mut Frame, area: Rect, picture: &Picture, sort: Sort) {
    let header = ["kind", "turns/s", "failed/s", "p50 ms", "p99 ms", "queue p99", "dead", "outcomes since the start"];
    let widths = [
        Constraint::Length(24),
        Constraint::Length(10),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(6),
        Constraint::Fill(1),
    ];
    let rows = picture.sorted(sort).into_iter().map(kind_row);
    let table = Table::new(rows, widths).header(Row::new(header).style(BOLD)).block(titled("kinds"));
    frame.render_widget(table, area);
}

fn kind_row(row: &KindRow) -> Row<'static> {
    let or_none = |ms: Option<f64>| ms.map_or_else(|| "-".into(), |ms| format!("{ms:.2}"));
    let outcomes = row.outcomes.iter().map(|(outcome, count)| {
        let style = if is_failure(outcome) { BAD } else { DIM };
        Span::styled(format!("{} {count}  ", printable(outcome)), style)
    });
    Row::new(vec![
        Cell::from(printable(&row.kind)),
        Cell::from(format!("{:.1}", row.turns_per_second)),
        Cell::from(format!("{:.1}", row.failed_per_second)).style(worrying(row.failed_per_second > 0.0)),
        Cell::from(or_none(row.p50_ms)),
        Cell::from(or_none(row.p99_ms)),
        Cell::from(or_none(row.queue_p99_ms)),
        Cell::from(row.dead_letters.to_string()).style(worrying(row.dead_letters > 0.0)),
        Cell::from(Line::from(outcomes.collect::<Vec<_>>())),
    ])
}

fn draw_actors(frame: &mut Frame, area: Rect, title: &'static str, actors: &[Summary]) {
    let header = ["actor", "longest", "failed", "last"];
    let widths = [Constraint::Fill(1), Constraint::Length(12), Constraint::Length(8), Constraint::Length(10)];
    let rows = actors.iter().map(|one| {
        Row::new(vec![
            Cell::from(printable(&one.actor.to_string())),
            Cell::from(duration(one.slowest_micros)),
            Cell::from(format!("{}/{}", one.failed, one.turns)).style(worrying(one.failed > 0)),
            Cell::from(printable(&one.outcome)),
        ])
    });
    frame.render_widget(Table::new(rows, widths).header(Row::new(header).style(BOLD)).block(titled(title)), area);
}

fn titled(title: &'static str) -> Block<'static> {
    Block::new().borders(Borders::TOP).title(title).border_style(DIM)
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::picture::tests::picture;
    use super::*;

    fn shown(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, screen)).unwrap();
        let buffer = terminal.backend().buffer();
        let lines = buffer.content.chunks(usize::from(width));
        lines
            .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n")
            .collect()
    }

    fn screen(picture: Option<Picture>) -> Screen {
        Screen { picture, trouble: None, url: "http://127.0.0.1:8420".into(), sort: Sort::Turns, paused: false }
    }

    #[test]
    fn kinds_and_actors_stand_in_their_tables() {
        let text = shown(&screen(Some(picture())), 120, 16);
        for part in [
            "n1  http://127.0.0.1:8420  serves",
            "201.0 turns/s",
            "1 of 2 buckets   oldest message 5.0 s",
            "3 dead letters   2 actors parked",
            "counter                  200.0      0.0       1.00",
            "broken 7  refused 9",
            "picky/bad",
            "1.2 ms       4/16     broken",
            "q quit   s sort kinds (by turns)   p pause",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(text.contains("counter/slow\\u{1b}[2J") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn trouble_and_a_pause_are_told() {
        let mut screen = Screen { paused: true, sort: Sort::Failed, ..screen(Some(picture())) };
        let text = shown(&screen, 100, 12);
        assert!(text.contains("  paused") && text.contains("p go on") && text.contains("(by failed)"), "{text}");
        screen.trouble = Some("no host answers".into());
        assert!(shown(&screen, 100, 12).contains("no host answers"));
        screen.picture = None;
        assert!(shown(&screen, 100, 12).starts_with("no host answers"));
    }

    #[test]
    fn a_tiny_terminal_does_no_harm() {
        for (width, height) in [(1, 1), (10, 3), (40, 5)] {
            shown(&screen(Some(picture())), width, height);
        }
    }
}
