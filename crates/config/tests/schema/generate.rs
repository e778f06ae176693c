//! From declared keys to JSON schema (draft 2020-12).

use config::keys::{Key, Kind};
use serde_json::{Map, Value, json};

use crate::page::Page;

/// The whole schema.
pub(crate) fn schema(page: &Page) -> Value {
    let mut file = map(config::KEYS, "", page);
    // The one section that must be there.
    file["required"] = json!(["interfaces"]);
    file["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    file["title"] = json!("Portolan");
    file["$comment"] = json!(
        "Made by `cargo test -p config --test schema` from crates/config and docs/configuration.md."
    );
    file["$defs"] = definitions(page);
    file
}

/// Paths of all keys that hold values: `nat.pools.blocks.size`.
pub(crate) fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    collect(config::KEYS, "", &mut paths);
    paths.retain(|path| path != "nat.rules.alg");
    for (name, keys) in config::gateway_keys() {
        collect(&keys, &format!("alg.{name}."), &mut paths);
    }
    paths
}

/// The map that a key can take, where it can also take something shorter.
pub(crate) fn inner(kind: Kind) -> Kind {
    if let Kind::Many(map @ Kind::Map(_)) = kind {
        return *map;
    }
    let (Kind::Either(kinds) | Kind::Many(&Kind::Either(kinds))) = kind else {
        return kind;
    };
    let map = kinds.iter().find(|kind| matches!(kind, Kind::Map(_)));
    map.copied().unwrap_or(kind)
}

fn collect(keys: &[Key], prefix: &str, paths: &mut Vec<String>) {
    for key in keys {
        let path = format!("{prefix}{}", key.name);
        let inner = inner(key.kind);
        match inner {
            Kind::Map(keys) | Kind::Maps(keys) if !keys.is_empty() => {
                collect(keys, &format!("{path}."), paths);
            }
            Kind::Gateways if prefix.is_empty() => {}
            _ => paths.push(path),
        }
    }
}

fn map(keys: &[Key], prefix: &str, page: &Page) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in keys {
        let path = format!("{prefix}{}", key.name);
        let mut property = nullable(kind(&key.kind, &path, page));
        if let Some(row) = page.row(&path) {
            property["description"] = json!(row.about);
            if row.required {
                required.push(key.name);
            }
        }
        properties.insert(key.name.into(), property);
    }
    let mut map =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        map["required"] = json!(required);
    }
    map
}

/// `null` is as good as nothing.
fn nullable(schema: Value) -> Value {
    match schema {
        Value::Object(mut object) if object.keys().eq(["anyOf"]) => {
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.push(json!({ "type": "null" }));
            }
            Value::Object(object)
        }
        other => json!({ "anyOf": [other, { "type": "null" }] }),
    }
}

fn kind(of: &Kind, path: &str, page: &Page) -> Value {
    let defined = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    match *of {
        Kind::Boolean => defined("boolean"),
        Kind::Number(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Duration => defined("duration"),
        Kind::Size => defined("size"),
        Kind::Address => defined("address"),
        Kind::Prefix => defined("prefix"),
        Kind::Addresses => defined("addresses"),
        Kind::OwnAddress => defined("own_address"),
        Kind::Ports => defined("ports"),
        Kind::Protocol => defined("protocol"),
        Kind::Mac => defined("mac"),
        Kind::Text => defined("text"),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Many(one) => {
            let one = kind(one, path, page);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::Either([]) => json!({ "type": "null" }),
        Kind::Either(kinds) => {
            let choices: Vec<Value> = kinds.iter().map(|one| kind(one, path, page)).collect();
            json!({ "anyOf": choices })
        }
        Kind::Map(keys) => map(keys, &format!("{path}."), page),
        Kind::Maps(keys) => {
            json!({ "type": "array", "items": map(keys, &format!("{path}."), page) })
        }
        Kind::Named(one) => {
            json!({ "type": "object", "additionalProperties": kind(one, path, page) })
        }
        Kind::Gateways => defined("gateways"),
        Kind::Gateway => unreachable!("only inside of gateways"),
    }
}

fn definitions(page: &Page) -> Value {
    let octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    let address = format!("{octet}(\\.{octet}){{3}}");
    let length = "/(3[0-2]|[12]?[0-9])";
    let text = |pattern: String| json!({ "type": "string", "pattern": format!("^({pattern})$") });
    let number_or = |most: u64, least: u64, pattern: &str| {
        json!({ "anyOf": [
            { "type": "integer", "minimum": least, "maximum": most },
            { "type": "string", "pattern": format!("^({pattern})$") },
        ] })
    };
    let mut gateways = Map::new();
    for (name, keys) in config::gateway_keys() {
        let settings = map(&keys, &format!("alg.{name}."), page);
        let boolean = json!({ "$ref": "#/$defs/boolean" });
        let gateway = json!({ "anyOf": [boolean, settings, { "type": "null" }] });
        gateways.insert(name.into(), gateway);
    }
    let protocols = "tcp|udp|icmp|esp|ah|gre|sctp|dccp|udplite";
    json!({
        "boolean": { "enum": [true, false, "on", "off", "yes", "no"] },
        "duration": number_or(31_536_000, 0, "[0-9]+ *(ms|s|m|h|d)?"),
        "size": number_or(u64::MAX, 0, "[0-9]+ *(B|KiB|MiB|GiB)?"),
        "address": text(address.clone()),
        "prefix": text(format!("{address}({length})?")),
        "addresses": text(format!("{address}({length}| *- *{address})?")),
        "own_address": text(format!("{address}{length}")),
        "ports": number_or(65_535, 1, "[1-9][0-9]{0,4}( *- *[1-9][0-9]{0,4})?"),
        "protocol": number_or(255, 0, protocols),
        "mac": text("[0-9A-Fa-f][02468ACEace]([:-][0-9A-Fa-f]{2}){5}".into()),
        "text": { "type": ["string", "number", "boolean"] },
        "gateways": { "type": "object", "properties": gateways, "additionalProperties": false },
    })
}
