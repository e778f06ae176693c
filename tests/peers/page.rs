//! `docs/peer-scenarios.md` and these tests name each other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Names of tests of this target that the page has between backquotes.
fn named() -> BTreeSet<String> {
    let page = read(&root().join("../docs/peer-scenarios.md"));
    page.split('`')
        .filter(|word| {
            let area = word.split("::").next().unwrap();
            word.contains("::") && ["nat44_ed", "nat44_ei", "det44", "fragments"].contains(&area)
        })
        .map(String::from)
        .collect()
}

/// Names of tests in the files below `folder`, whose module is `module`.
fn written(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let module = format!("{module}{name}::");
        if path.is_dir() {
            written(&path, &module, found);
        } else if !["main", "page"].contains(&name.as_str()) {
            let text = read(&path);
            let tests = text.split("#[test]\n").skip(1);
            found.extend(tests.map(|test| {
                let (_, rest) = test.split_once("fn ").unwrap();
                format!("{module}{}", rest.split('(').next().unwrap())
            }));
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each test has its scenario on the page, and each test on the page exists.
#[test]
fn the_page_names_every_test_and_no_other() {
    let mut found = BTreeSet::new();
    written(&root().join("peers"), "", &mut found);
    assert!(found.len() > 80, "{found:?}");
    let named = named();
    let unnamed: Vec<_> = found.difference(&named).collect();
    assert!(unnamed.is_empty(), "not on the page: {unnamed:?}");
    let unwritten: Vec<_> = named.difference(&found).collect();
    assert!(unwritten.is_empty(), "no such test: {unwritten:?}");
}
