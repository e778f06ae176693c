//! The tables of `docs/configuration.md`.

use std::collections::BTreeMap;

/// What the page says of keys, by path: `nat.pools.blocks.size`.
pub(crate) struct Page {
    rows: BTreeMap<String, Row>,
    text: String,
}

/// A row of a table.
pub(crate) struct Row {
    /// Default and meaning, as one sentence.
    pub(crate) about: String,
    pub(crate) required: bool,
}

impl Page {
    pub(crate) fn read(text: &str) -> Self {
        let mut rows = BTreeMap::new();
        // The section under whose heading we are, and the map within it.
        let (mut section, mut map) = (String::new(), String::new());
        let mut gateways: Vec<String> = Vec::new();
        let mut header: Vec<String> = Vec::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                section = ticked(heading).first().cloned().unwrap_or_default();
                map.clear();
            } else if line.starts_with('`') && line.ends_with("`:") {
                map = format!("{}.", line.trim_matches([':', '`']));
            }
            if line.starts_with("|-") {
                continue;
            }
            let Some(line) = line
                .strip_prefix('|')
                .and_then(|line| line.strip_suffix('|'))
            else {
                header.clear();
                continue;
            };
            let cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
            if header.is_empty() {
                header = cells;
                continue;
            }
            let cell = |name: &str| {
                let place = header.iter().position(|head| head == name);
                place
                    .and_then(|place| cells.get(place))
                    .cloned()
                    .unwrap_or_default()
            };
            let keys = names(&cell("key"));
            if header.first().is_some_and(|head| head == "gateway") {
                // An empty cell means the gateways of the row above.
                let named = ticked(&cells[0]);
                if !named.is_empty() {
                    gateways = named;
                }
            }
            let prefixes: Vec<String> = match header.first().map(String::as_str) {
                Some("key") => vec![format!("{section}.{map}")],
                Some("gateway") => gateways
                    .iter()
                    .map(|name| format!("{section}.{name}."))
                    .collect(),
                _ => Vec::new(),
            };
            let default = cell("default");
            let meaning = match cell("meaning") {
                meaning if meaning.is_empty() => cell("type"),
                meaning => meaning,
            };
            for path in prefixes
                .iter()
                .flat_map(|prefix| keys.iter().map(move |key| format!("{prefix}{key}")))
            {
                let about = match default.as_str() {
                    "" | "–" | "required" => meaning.clone(),
                    _ => format!("{meaning}. Default: {default}"),
                };
                let required = default == "required";
                rows.insert(
                    path,
                    Row {
                        about: plain(&about),
                        required,
                    },
                );
            }
        }
        Self {
            rows,
            text: text.to_owned(),
        }
    }

    pub(crate) fn row(&self, path: &str) -> Option<&Row> {
        self.rows.get(path)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &String> {
        self.rows.keys()
    }

    /// Whether a key has a row, is part of what has one, or is named in the text.
    pub(crate) fn knows(&self, path: &str) -> bool {
        let above = path.match_indices('.').map(|(end, _)| &path[..end]);
        let last = path.rsplit_once('.').map_or(path, |(_, last)| last);
        let common = path.starts_with("alg.") && ["enabled", "mode"].contains(&last);
        let in_text = |path: &str| self.text.contains(&format!("`{path}`"));
        common
            || above.chain([path]).any(|path| self.rows.contains_key(path))
            || in_text(path)
            || path.starts_with("prefix_sets")
    }
}

/// What stands between backticks.
fn ticked(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// `watermarks.high` and `watermarks.low` of "`watermarks.high`, `.low`".
fn names(cell: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in ticked(cell) {
        let above = names
            .last()
            .and_then(|last| last.rsplit_once('.'))
            .map(|(above, _)| above.to_owned());
        names.push(match (name.strip_prefix('.'), above) {
            (Some(rest), Some(above)) => format!("{above}.{rest}"),
            _ => name,
        });
    }
    names
}

/// Without links and backticks.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, (words, after))) = rest
        .split_once('[')
        .and_then(|(before, after)| Some((before, after.split_once("](")?)))
    {
        plain.push_str(before);
        plain.push_str(words);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain.replace('`', "")
}
