//! What the machine says of itself in `/proc`, `/sys`, `/run` and `/dev`, read below a
//! directory that is `/` but in tests. Nothing here writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A machine as it is, or as a test makes one up.
#[derive(Debug)]
pub(super) struct Snapshot {
    root: PathBuf,
    /// What `ethtool -k` says of each interface asked about; `None` where it says nothing.
    offloads: BTreeMap<String, Option<String>>,
}

impl Snapshot {
    /// This machine, with what ethtool says of these interfaces.
    pub(super) fn of_this_machine<'a>(interfaces: impl Iterator<Item = &'a str>) -> Self {
        Self {
            root: PathBuf::from("/"),
            offloads: interfaces
                .map(|name| (name.to_owned(), ethtool(name)))
                .collect(),
        }
    }

    #[cfg(test)]
    pub(super) fn at(root: &Path, offloads: &[(&str, &str)]) -> Self {
        let said = offloads.iter();
        Self {
            root: root.to_owned(),
            offloads: said
                .map(|(name, text)| ((*name).to_owned(), Some((*text).to_owned())))
                .collect(),
        }
    }

    /// A file's text without the line end; `None` if it cannot be read.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.below(path)).ok()?;
        Some(text.trim_end().to_owned())
    }

    /// A file that holds one number.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// Names in a directory, sorted; none if there is no such directory.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.below(path)).into_iter().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }

    /// The last part of what a symbolic link points to.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        let target = fs::read_link(self.below(path)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// Whether there is such a file or directory.
    pub(super) fn has(&self, path: &str) -> bool {
        self.below(path).exists()
    }

    /// Whether there is such a directory.
    pub(super) fn has_directory(&self, path: &str) -> bool {
        self.below(path).is_dir()
    }

    /// What `ethtool -k` says of an interface.
    pub(super) fn offloads(&self, interface: &str) -> Option<&str> {
        self.offloads.get(interface)?.as_deref()
    }

    /// The value of `NAME: value` in a file of such lines.
    pub(super) fn field(&self, path: &str, name: &str) -> Option<String> {
        let text = self.text(path)?;
        let lines = text.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Some(values.next()?.trim().to_owned())
    }

    fn below(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path.trim_start_matches('/')))
    }
}

/// No file tells which offloads are on.
fn ethtool(interface: &str) -> Option<String> {
    let said = Command::new("ethtool").args(["-k", interface]).output();
    let said = said.ok().filter(|said| said.status.success())?;
    String::from_utf8(said.stdout).ok()
}
