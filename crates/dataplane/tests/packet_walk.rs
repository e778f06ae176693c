//! `docs/packet-walk.md` names stages that exist where it says.

#[test]
fn every_stage_of_the_page_is_a_function_of_its_file() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let page = std::fs::read_to_string(format!("{root}/docs/packet-walk.md")).expect("the page");
    let mut stages = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'))
            .collect();
        let (stage, file) = (cells[1], cells[2]);
        let code = std::fs::read_to_string(format!("{root}/crates/{file}")).expect(file);
        assert!(
            ["(", "<"]
                .iter()
                .any(|next| code.contains(&format!("fn {stage}{next}"))),
            "{file} has no stage {stage}"
        );
        stages += 1;
    }
    assert!(
        stages >= 15,
        "only {stages} stages: has the table changed its form?"
    );
}
