//! `docs/counters.md` is what the list of counters says. `UPDATE_DOCS=1` rewrites it.

use std::fmt::Write as _;

use base::Counter;

fn document() -> String {
    let mut text = String::from(
        "# Counters\n\n\
         Generated from `crates/base/src/counter.rs`; `UPDATE_DOCS=1 cargo test -p base` rewrites this page.\n\n\
         Every packet received moves exactly one `verdict.*` counter, and with it one counter of the area that explains it.\n\n\
         | counter | verdict | counts |\n|---|---|---|\n",
    );
    for counter in Counter::ALL {
        let verdict = counter
            .is_reason()
            .map_or("", |verdict| verdict.name().trim_start_matches("verdict."));
        let _ = writeln!(
            text,
            "| `{}` | {verdict} | {} |",
            counter.name(),
            counter.help()
        );
    }
    text
}

#[test]
fn the_page_lists_every_counter() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/counters.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, document()).expect("docs/counters.md can be written");
    }
    let page = std::fs::read_to_string(path).expect("docs/counters.md is there");
    assert!(
        page == document(),
        "docs/counters.md is stale: UPDATE_DOCS=1 cargo test -p base"
    );
}
