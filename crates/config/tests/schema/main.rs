//! `configs/portolan.schema.json` and `docs/configuration.md` say what the parser does.
//!
//! The schema is made from the declared keys, its descriptions from the page, so that each is
//! written once; `UPDATE_DOCS=1 cargo test -p config --test schema` writes it again. Whether the
//! declarations are true is asked of the parser, key by key.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod agreement;
mod generate;
mod page;
mod validate;

use std::path::{Path, PathBuf};

use serde_json::Value;

use page::Page;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

fn schema() -> Value {
    generate::schema(&Page::read(&read("docs/configuration.md")))
}

/// A file with every key there is.
fn every_key() -> Value {
    let text = include_str!("../every_key.yaml");
    if let Err(errors) = config::parse("every_key.yaml", text) {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"));
    }
    serde_saphyr::from_str(text).expect("YAML")
}

#[test]
fn the_schema_is_current() {
    let path = root().join("configs/portolan.schema.json");
    let text = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).expect("configs/portolan.schema.json can be written");
    }
    assert!(
        std::fs::read_to_string(path).expect("configs/portolan.schema.json is there") == text,
        "configs/portolan.schema.json is stale: UPDATE_DOCS=1 cargo test -p config --test schema"
    );
}

#[test]
fn every_file_of_configs_is_valid() {
    let schema = schema();
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            let file: Value = serde_saphyr::from_str(&text).expect("YAML");
            assert_eq!(
                validate::errors(&schema, &file),
                [""; 0],
                "{}",
                path.display()
            );
            count += 1;
        }
    }
    assert!(count >= 3, "{count} files");
    assert_eq!(validate::errors(&schema, &every_key()), [""; 0]);
}

#[test]
fn a_slip_of_the_pen_is_not_valid() {
    let mut file = every_key();
    file["limits"]["sesions"] = Value::from(1);
    file["nat"]["pools"][0]
        .as_object_mut()
        .unwrap()
        .remove("name");
    let errors = validate::errors(&schema(), &file);
    assert_eq!(errors, ["/limits: `sesions`", "/nat/pools/0: no `name`"]);
}

#[test]
fn the_page_has_every_key_and_no_other() {
    let page = Page::read(&read("docs/configuration.md"));
    let paths = generate::paths();
    let missing: Vec<&String> = paths.iter().filter(|path| !page.knows(path)).collect();
    assert!(
        missing.is_empty(),
        "not in docs/configuration.md: {missing:?}"
    );
    let above: Vec<&String> = page
        .rows()
        .filter(|row| {
            !paths.iter().any(|path| {
                path == *row || *row == "nat.rules.alg" || path.starts_with(&format!("{row}."))
            })
        })
        .collect();
    assert!(above.is_empty(), "only in docs/configuration.md: {above:?}");
}
