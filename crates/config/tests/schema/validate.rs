//! As much of JSON schema as ours uses; a keyword beyond that is an error, not overlooked.
//! `tests/smoke/package_test.sh` has a validator of somebody else look at the same files.

use std::cell::RefCell;
use std::collections::HashMap;

use regex_lite::Regex;
use serde_json::Value;

/// What is wrong with a file, by JSON pointer.
pub(crate) fn errors(schema: &Value, file: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, schema, file, "", &mut errors);
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    for (keyword, says) in schema.as_object().expect("a schema") {
        match keyword.as_str() {
            "$schema" | "$defs" | "$comment" | "title" | "description" => {}
            "$ref" => {
                let pointer = says.as_str().unwrap().strip_prefix('#').unwrap();
                check(
                    root,
                    root.pointer(pointer).expect(pointer),
                    value,
                    at,
                    errors,
                );
            }
            "anyOf" => any_of(root, says, value, at, errors),
            "type" => {
                let names = says
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![says.clone()]);
                if !names.iter().any(|name| is_a(value, name.as_str().unwrap())) {
                    errors.push(format!("{at}: {value}"));
                }
            }
            "enum" => {
                if !says.as_array().unwrap().contains(value) {
                    errors.push(format!("{at}: {value}"));
                }
            }
            "minimum" | "maximum" => {
                let within = |number: f64| {
                    let limit = says.as_f64().unwrap();
                    if keyword == "minimum" {
                        number >= limit
                    } else {
                        number <= limit
                    }
                };
                if !value.as_f64().is_none_or(within) {
                    errors.push(format!("{at}: {value}"));
                }
            }
            "pattern" => {
                if !value
                    .as_str()
                    .is_none_or(|text| matches(says.as_str().unwrap(), text))
                {
                    errors.push(format!("{at}: {value}"));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, says, item, &format!("{at}/{index}"), errors);
                }
            }
            "properties" => {
                for (name, item) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = says.get(name) {
                        check(root, schema, item, &format!("{at}/{name}"), errors);
                    }
                }
            }
            "additionalProperties" => {
                for (name, item) in value.as_object().into_iter().flatten() {
                    if schema
                        .get("properties")
                        .is_some_and(|known| known.get(name).is_some())
                    {
                        continue;
                    }
                    match says {
                        Value::Bool(_) => errors.push(format!("{at}: `{name}`")),
                        schema => check(root, schema, item, &format!("{at}/{name}"), errors),
                    }
                }
            }
            "required" => {
                for name in says.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    if value.as_object().is_some_and(|map| !map.contains_key(name)) {
                        errors.push(format!("{at}: no `{name}`"));
                    }
                }
            }
            other => panic!("this validator knows no {other}"),
        }
    }
}

/// None of several: what is wrong with the one that comes closest, inside of which it is.
fn any_of(root: &Value, schemas: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let tries = schemas.as_array().unwrap().iter().map(|schema| {
        let mut errors = Vec::new();
        check(root, schema, value, at, &mut errors);
        errors
    });
    let tries: Vec<Vec<String>> = tries.collect();
    if tries.iter().any(Vec::is_empty) {
        return;
    }
    let whole = format!("{at}: {value}");
    let inside = tries.into_iter().find(|errors| !errors.contains(&whole));
    errors.extend(inside.unwrap_or_else(|| vec![whole]));
}

fn matches(pattern: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        let regex = compiled
            .entry(pattern.to_owned())
            .or_insert_with(|| Regex::new(pattern).expect("a pattern"));
        regex.is_match(text)
    })
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}
