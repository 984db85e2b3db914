//! The description names every route that there is, and no other.

use super::*;
use serde_json::Value;
use std::collections::BTreeSet;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// The arguments of every `.route(` in a source: an address, as it is written, and what answers there.
fn calls(source: &str) -> Vec<(&str, &str)> {
    let arguments = source.split(".route(").skip(1).map(|rest| {
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        rest[..end.unwrap()].split_once(',').unwrap()
    });
    arguments.collect()
}

/// `get /address` for each method that the router functions in `handlers` stand for; `any /address` for `any`.
fn named(address: &str, handlers: &str) -> Vec<String> {
    let is_called = |method: &&&str| {
        let call = format!("{method}(");
        let starts_word =
            |at: usize| !handlers[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c));
        handlers.match_indices(&call).any(|(at, _)| starts_word(at))
    };
    let methods = METHODS.iter().chain(&["any"]).filter(is_called);
    methods.map(|method| format!("{method} {address}")).collect()
}

/// All routes, as the sources have them.
fn routed() -> BTreeSet<String> {
    let (router, notifications) = (include_str!("../mod.rs"), include_str!("../notifications.rs"));
    let (api, outside) = router.split_once(".nest(\"/api/v1\", api)").unwrap();
    let mut all = BTreeSet::new();
    for (source, base) in [(api, "/api/v1"), (outside, "")] {
        for (address, handlers) in calls(source) {
            all.extend(named(&format!("{base}{}", address.trim().trim_matches('"')), handlers));
        }
    }
    for base in api.split("notifications::routes(\"").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
        for (address, handlers) in calls(notifications) {
            let one = format!("/api/v1{base}/{{notification}}");
            let address = match address.trim() {
                "base" => format!("/api/v1{base}"),
                "&one" => one,
                made => made
                    .replace("&format!(\"{one}", &one)
                    .replace("\")", "")
                    .replace("{{", "{")
                    .replace("}}", "}"),
            };
            all.extend(named(&address, handlers));
        }
    }
    all
}

/// All routes, as the description has them.
fn described() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&DOCUMENT).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(address, item)| {
        let methods = item.as_object().unwrap().keys().filter(|key| METHODS.contains(&key.as_str()));
        methods.map(move |method| format!("{method} {address}"))
    });
    all.collect()
}

#[test]
fn every_route_is_described_and_every_described_route_is_there() {
    let (routed, described) = (routed(), described());
    assert!(routed.len() > 30, "{routed:?}");
    // The methods of `any` are known to its handler only.
    let any: BTreeSet<&str> = routed.iter().filter_map(|route| route.strip_prefix("any ")).collect();
    let addresses: BTreeSet<&str> =
        described.iter().filter_map(|r| r.split_once(' ')).map(|(_, a)| a).collect();
    for route in &routed {
        let (method, address) = route.split_once(' ').unwrap();
        let is_described =
            if method == "any" { addresses.contains(address) } else { described.contains(route) };
        assert!(
            is_described,
            "`{route}` has no #[utoipa::path], or is missing in paths(…) of http/openapi.rs"
        );
    }
    for route in &described {
        let (_, address) = route.split_once(' ').unwrap();
        assert!(
            routed.contains(route) || any.contains(address),
            "`{route}` is described, but there is no such route"
        );
    }
}

#[test]
fn the_description_is_whole() {
    let document: Value = serde_json::from_str(&DOCUMENT).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = BTreeSet::new();
    for (address, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(operations.insert(name), "{name} is there twice");
            let has_text = operation["summary"].as_str().is_some_and(|text| !text.is_empty());
            assert!(has_text, "{method} {address} has no sentence");
        }
    }
    // Whatever is referred to is there.
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
