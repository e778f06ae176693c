//! The tables of `docs/rfc-compliance.md`.

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Which row of which standard, such as `RFC4787 REQ-3a`.
    pub(crate) id: String,
    /// What must hold.
    pub(crate) words: String,
    /// How strongly: `M`, `MN`, `S`, `SN`, `Y` and what else the standard says.
    pub(crate) level: String,
    /// `met` or `departs`.
    pub(crate) state: String,
    /// The last column as it is written.
    pub(crate) shown_by: String,
    /// The tests named in it.
    pub(crate) tests: Vec<String>,
}

/// The page, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Rows with a state.
    pub(crate) entries: Vec<Entry>,
    /// Their ids.
    pub(crate) ids: Vec<String>,
    /// Ids of the rows in the last section, which have none yet.
    pub(crate) in_work: Vec<String>,
}

impl Page {
    /// Reads every line of every table but headings and rules.
    pub(crate) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut in_work = false;
        for line in text.lines() {
            in_work |= line.trim() == "## Rows in work";
            let cells = cells(line);
            match cells.as_slice() {
                [id, ..] if in_work => page.in_work.push(id.clone()),
                [id, words, level, state, shown_by] => {
                    page.ids.push(id.clone());
                    page.entries.push(Entry {
                        id: id.clone(),
                        words: words.clone(),
                        level: level.clone(),
                        state: state.clone(),
                        shown_by: shown_by.clone(),
                        tests: names(shown_by),
                    });
                }
                [] => {}
                other => panic!("{} columns: {line}", other.len()),
            }
        }
        page
    }
}

/// What stands between the bars; nothing for other lines, headings and rules.
fn cells(line: &str) -> Vec<String> {
    let Some(inner) = line
        .trim()
        .strip_prefix('|')
        .and_then(|line| line.strip_suffix('|'))
    else {
        return Vec::new();
    };
    let cells: Vec<String> = inner.split('|').map(|cell| cell.trim().into()).collect();
    let is_rule = cells[0].starts_with("---");
    if is_rule || cells[0] == "row" {
        return Vec::new();
    }
    cells
}

/// Code in back quotes that has the shape of a test's name.
fn names(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains("::"))
        .map(str::to_string)
        .collect()
}

/// Headings, rules and text are no rows; only code with a path is a test.
#[test]
fn a_page_is_read_as_it_is_written() {
    let page = Page::parse(
        "# Title\n\n| row | what | level | state | by |\n|---|---|---|---|---|\n\
         | A 1 | words | M/S | met | `a::b`, and `paired: true` or `c::d::e` |\n\ntext | with a bar\n\
         ## Rows in work\n\n| row | what | level | for |\n|---|---|---|---|\n| A 2 | w | S | x |\n",
    );
    assert_eq!(page.ids, ["A 1"]);
    assert_eq!(page.in_work, ["A 2"]);
    assert_eq!(page.entries[0].level, "M/S");
    assert_eq!(page.entries[0].tests, ["a::b", "c::d::e"]);
}
