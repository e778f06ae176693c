//! What is wrong with a file, and where.

use core::fmt;
use std::sync::Arc;

/// One thing wrong with a configuration file.
///
/// Prints as `FILE:LINE:COLUMN: what is wrong; what would be right`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}; {remedy}")]
pub struct ConfigError {
    file: Arc<str>,
    line: u32,
    column: u32,
    what: String,
    remedy: String,
}

impl ConfigError {
    /// Line of the offending key or value, from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// Column of the offending key or value in characters, from 1.
    #[must_use]
    pub const fn column(&self) -> u32 {
        self.column
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What would be right.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

/// A place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl At {
    /// Where the file begins.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)
    }
}

/// Why a text is not the value it should be; the place is the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Wrong {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// Everything found in one file so far.
#[derive(Debug)]
pub(crate) struct Report {
    file: Arc<str>,
    errors: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
}

impl Report {
    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn error(&mut self, at: At, what: impl Into<String>, remedy: impl Into<String>) {
        if self.errors.len() < MOST_FINDINGS {
            let finding = self.finding(at, what.into(), remedy.into());
            self.errors.push(finding);
        }
    }

    pub(crate) fn wrong(&mut self, at: At, wrong: Wrong) {
        self.error(at, wrong.what, wrong.remedy);
    }

    pub(crate) fn warn(&mut self, at: At, what: impl Into<String>, remedy: impl Into<String>) {
        if self.warnings.len() < MOST_FINDINGS {
            let finding = self.finding(at, what.into(), remedy.into());
            self.warnings.push(finding);
        }
    }

    /// How many errors there are; a difference tells whether a step went well.
    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    /// The errors in file order, or the warnings if there are none.
    pub(crate) fn finish(mut self) -> Result<Vec<String>, Vec<ConfigError>> {
        let place = |finding: &ConfigError| (finding.line, finding.column);
        self.errors.sort_by_key(place);
        self.warnings.sort_by_key(place);
        if self.errors.is_empty() {
            Ok(self.warnings.iter().map(ToString::to_string).collect())
        } else {
            Err(self.errors)
        }
    }

    fn finding(&self, at: At, what: String, remedy: String) -> ConfigError {
        ConfigError {
            file: Arc::clone(&self.file),
            line: at.line,
            column: at.column,
            what,
            remedy,
        }
    }
}

/// A file wrong in more places than this is reported up to here.
const MOST_FINDINGS: usize = 1_000;
