//! A page in the text format: families, each in one piece, declared before its samples.

use std::fmt::{self, Display, Write};

/// What the samples of a family are.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Never less than before, but after a restart.
    Counter,
    /// How it is now.
    Gauge,
    /// How often it was at most so much.
    Histogram,
}

/// The page so far.
pub(super) struct Page(pub(super) String);

impl Page {
    /// One family; a sample is a label's name, its value, and the number. Without samples it is left out.
    pub(super) fn family<L: Display, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        kind: Kind,
        samples: impl IntoIterator<Item = (&'static str, L, V)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        self.head(name, help, kind)?;
        for (label, of, value) in samples {
            self.sample(name, &[(label, &of)], value)?;
        }
        Ok(())
    }

    /// A family's declaration.
    pub(super) fn head(&mut self, name: &str, help: &str, kind: Kind) -> fmt::Result {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    /// A sample of the family declared last.
    pub(super) fn sample(
        &mut self,
        name: &str,
        labels: &[(&str, &dyn Display)],
        value: impl Display,
    ) -> fmt::Result {
        write!(self.0, "{name}")?;
        for (nth, (label, of)) in labels.iter().enumerate() {
            let before = if nth == 0 { '{' } else { ',' };
            write!(self.0, "{before}{label}=\"{}\"", escape(&of.to_string()))?;
        }
        writeln!(self.0, "}} {value}")
    }
}

fn escape(label: &str) -> String {
    label
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}
