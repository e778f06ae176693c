//! What a reload has done, or would do.

use serde::{Deserialize, Serialize};

/// The difference between two configurations, and whom it touches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Nothing was changed.
    pub dry_run: bool,
    /// Sessions it ended, or would.
    pub sessions: u64,
    /// Subscribers they belong to.
    pub subscribers: u64,
    /// What is new, a line each.
    pub added: Vec<String>,
    /// What is gone.
    pub removed: Vec<String>,
    /// What is otherwise than it was, and ends nothing.
    pub changed: Vec<String>,
    /// What was accepted but deserves a second look.
    pub warnings: Vec<String>,
}

impl Reloaded {
    /// For people: the lists, then the sentence that matters.
    #[must_use]
    pub fn text(&self) -> String {
        let lists = [
            ("+", &self.added),
            ("-", &self.removed),
            ("~", &self.changed),
            ("warning:", &self.warnings),
        ];
        let text: String = lists
            .into_iter()
            .flat_map(|(sign, lines)| lines.iter().map(move |line| [sign, " ", line, "\n"]))
            .flatten()
            .collect();
        let did = if self.dry_run {
            "nothing was changed; it would end"
        } else {
            "reloaded; it ended"
        };
        let (sessions, subscribers) = (self.sessions, self.subscribers);
        text + &format!("{did} {sessions} sessions of {subscribers} subscribers\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_ends_with_whom_it_touches() {
        let reloaded = Reloaded {
            dry_run: true,
            sessions: 3,
            subscribers: 2,
            removed: vec!["pool spare".into()],
            ..Reloaded::default()
        };
        assert_eq!(
            reloaded.text(),
            "- pool spare\nnothing was changed; it would end 3 sessions of 2 subscribers\n"
        );
    }
}
