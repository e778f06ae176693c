//! Every key of a file is given one value after another; the parser and the schema must agree
//! on which of them can be read.

use std::collections::BTreeSet;

use config::keys::{Key, Kind};
use serde_json::{Value, json};

use crate::generate::inner;
use crate::{every_key, schema, validate};

/// A value in the file with every key.
struct Place {
    pointer: String,
    key: &'static str,
    kind: Kind,
}

/// What is tried at every key.
fn probes() -> Vec<Value> {
    vec![
        json!(true),
        json!(false),
        json!("on"),
        json!("off"),
        json!(0),
        json!(1),
        json!(7),
        json!(300),
        json!(70_000),
        json!(u64::MAX),
        json!("-1"),
        json!("7s"),
        json!("10m"),
        json!("10 parsecs"),
        json!("8KiB"),
        json!("10.0.0.1"),
        json!("10.0.0.0/8"),
        json!("10.0.0.0/33"),
        json!("10.0.0.1-10.0.0.9"),
        json!("10.0.0.1:80"),
        json!("300.0.0.1"),
        json!("80-90"),
        json!("0-90"),
        json!("tcp"),
        json!("02:00:00:00:00:fe"),
        json!("03:00:00:00:00:fe"),
        json!("no such word"),
        json!({}),
    ]
}

/// Whether the schema may take what the parser refuses: values whose meaning is looked at.
fn is_exact(place: &Place) -> bool {
    let looked_at = [
        "reta_size",
        "scopes",
        "inside",
        "outside",
        "protocol",
        "metrics",
        "socket",
    ];
    let kind = match place.kind {
        Kind::Many(kind) => *kind,
        kind => kind,
    };
    !matches!(
        kind,
        Kind::Text | Kind::Duration | Kind::Size | Kind::Either(_)
    ) && !looked_at.contains(&place.key)
}

#[test]
fn the_parser_and_the_schema_read_the_same() {
    let (schema, file) = (schema(), every_key());
    let places = places(&file);
    let mut wrong = Vec::new();
    let mut tried = 0;
    for place in &places {
        // What is wrong with one of these is said of the entry, not of the key.
        if ["/log/syslog", "/log/ipfix"].contains(&&*place.pointer) {
            continue;
        }
        for probe in of_kind(&place.kind).into_iter().chain(probes()) {
            // One value and a list of one are told apart wherever they are by the first.
            let listed = (probe == json!(7)).then(|| json!([probe]));
            for value in [Some(probe), listed].into_iter().flatten() {
                let mut file = around(&file, &place.pointer);
                *file.pointer_mut(&place.pointer).unwrap() = value.clone();
                let read = is_read(&file, place.key);
                let valid = !validate::errors(&schema, &file)
                    .iter()
                    .any(|error| error.starts_with(&place.pointer));
                tried += 1;
                if read && !valid || valid && !read && is_exact(place) {
                    wrong.push(format!(
                        "{}: {value}: read {read}, valid {valid}",
                        place.pointer
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        places.len() > 100 && tried > 4_000,
        "{} keys, {tried} values",
        places.len()
    );
}

#[test]
fn what_the_schema_requires_the_parser_misses() {
    let (schema, file) = (schema(), every_key());
    let mut missed = 0;
    for place in places(&file) {
        let (parent, key) = place.pointer.rsplit_once('/').unwrap();
        let mut file = file.clone();
        file.pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(key);
        if !validate::errors(&schema, &file).is_empty() {
            assert!(
                config::parse("f", &file.to_string()).is_err(),
                "{}",
                place.pointer
            );
            missed += 1;
        }
    }
    assert!(missed >= 10, "{missed}");
}

/// The part of the file that a key is in, with the section that no file is without. What
/// names something in another part is then wrong, but can be read all the same.
fn around(file: &Value, pointer: &str) -> Value {
    let mut steps = pointer.split('/').skip(1);
    let (section, part) = (steps.next().unwrap(), steps.next().unwrap());
    let part = match section {
        "nat" => json!({ part: file[section][part] }),
        _ => file[section].clone(),
    };
    json!({ section: part, "interfaces": file["interfaces"] })
}

/// Words and ends of ranges.
fn of_kind(kind: &Kind) -> Vec<Value> {
    match *kind {
        Kind::Word(words) => words.iter().map(|word| json!(word)).collect(),
        Kind::Number(least, most) => {
            let ends = [least, most, most + 1].map(Value::from);
            ends.into_iter()
                .chain(least.checked_sub(1).map(Value::from))
                .collect()
        }
        Kind::Many(kind) => of_kind(kind),
        Kind::Either(kinds) => kinds.iter().flat_map(of_kind).collect(),
        _ => Vec::new(),
    }
}

/// Whether the parser can read the value of a key, whatever it then thinks of it.
fn is_read(file: &Value, key: &str) -> bool {
    let Err(errors) = config::parse("f", &file.to_string()) else {
        return true;
    };
    let unread = [
        format!("`{key}`: "),
        format!("`{key}` has "),
        format!("`{key}` is a"),
    ];
    !errors.iter().any(|error| {
        let text = error.to_string();
        let what = text.splitn(4, ':').nth(3).unwrap_or_default().trim_start();
        unread.iter().any(|start| what.starts_with(start.as_str()))
    })
}

/// Where each declared key has a value.
fn places(file: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    walk(config::KEYS, file, "", &mut places);
    for (name, keys) in config::gateway_keys() {
        walk(
            &keys,
            &file["alg"][name],
            &format!("/alg/{name}"),
            &mut places,
        );
    }
    let mut declared = crate::generate::paths();
    declared.retain(|path| !EMPTY.contains(&path.as_str()));
    let path = |place: &Place| {
        let steps = place.pointer.split('/').skip(1);
        let keys: Vec<&str> = steps.filter(|step| step.parse::<u32>().is_err()).collect();
        keys.join(".")
    };
    let mut met = BTreeSet::new();
    places.retain(|place| met.insert(path(place)));
    let absent: Vec<&String> = declared
        .iter()
        .filter(|path| !met.contains(*path))
        .collect();
    assert!(absent.is_empty(), "not in every_key.yaml: {absent:?}");
    places
}

/// Keys without a value of their own: maps of names, and what this version has no use for.
const EMPTY: [&str; 2] = ["limits.vrfs", "prefix_sets"];

fn walk(keys: &[Key], map: &Value, pointer: &str, places: &mut Vec<Place>) {
    for key in keys {
        let Some(value) = map.get(key.name) else {
            continue;
        };
        let pointer = format!("{pointer}/{}", key.name);
        match (inner(key.kind), value) {
            (Kind::Map(keys), Value::Object(_)) => walk(keys, value, &pointer, places),
            (Kind::Map(keys) | Kind::Maps(keys), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    walk(keys, item, &format!("{pointer}/{index}"), places);
                }
            }
            (Kind::Gateways | Kind::Named(_) | Kind::Maps(_), _) => {}
            _ => places.push(Place {
                pointer,
                key: key.name,
                kind: key.kind,
            }),
        }
    }
}
