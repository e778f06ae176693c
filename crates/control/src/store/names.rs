//! Names that entries have numbers for: appliances and VRFs, each on a line of a file that only grows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A table of names.
#[derive(Debug)]
pub(super) struct Names {
    path: PathBuf,
    known: Vec<String>,
}

impl Names {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        // A crash may have left the last line without its end: it has no number yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let known = if whole.is_empty() {
            Vec::new()
        } else {
            whole.split('\n').map(str::to_owned).collect()
        };
        Ok(Self {
            path: path.to_owned(),
            known,
        })
    }

    pub(super) fn name(&self, number: u16) -> &str {
        self.known
            .get(usize::from(number))
            .map_or("", String::as_str)
    }

    /// The number of a name, for good.
    ///
    /// # Errors
    ///
    /// The file, or 65 536 names are known.
    pub(super) fn number(&mut self, name: &str) -> io::Result<u16> {
        let name = name.replace(['\n', '\r'], " ");
        let found = self.known.iter().position(|known| *known == name);
        let number = found.unwrap_or(self.known.len());
        let number = u16::try_from(number)
            .map_err(|_| io::Error::other("there are 65 536 names in the store"))?;
        if found.is_none() {
            let mut text = self.known.join("\n");
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&name);
            text.push('\n');
            super::replace(&self.path, text.as_bytes())?;
            self.known.push(name);
        }
        Ok(number)
    }
}
