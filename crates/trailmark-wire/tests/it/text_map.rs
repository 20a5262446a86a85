//! The map of texts does what a tree map does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use trailmark_wire::text_map::TextMap;

proptest! {
    #[test]
    fn it_is_a_sorted_map_whatever_the_order_and_however_often_a_name_comes(
        entries in proptest::collection::vec(("[a-c]{0,2}", "[a-z]{0,3}"), 0..20),
    ) {
        let tree: BTreeMap<String, String> = entries.iter().cloned().collect();
        let map: TextMap = entries.into_iter().collect();
        let pairs: Vec<_> = map.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        prop_assert_eq!(pairs, tree.clone().into_iter().collect::<Vec<_>>());
        prop_assert_eq!(map.len(), tree.len());
        prop_assert_eq!(map.get("a"), tree.get("a").map(String::as_str));
        let json = serde_json::to_string(&map).unwrap();
        prop_assert_eq!(&json, &serde_json::to_string(&tree).unwrap());
        prop_assert_eq!(serde_json::from_str::<TextMap>(&json).unwrap(), map);
    }
}

#[test]
fn the_last_value_of_a_name_counts() {
    let map: TextMap = serde_json::from_str(r#"{"b":"1","a":"2","b":"3"}"#).unwrap();
    assert_eq!(map.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
}

#[test]
fn more_than_a_hundred_entries_and_values_that_are_no_texts_are_refused() {
    let object = |count: usize| (0..count).map(|n| (n.to_string(), "v".into())).collect::<serde_json::Map<_, _>>();
    assert_eq!(serde_json::from_value::<TextMap>(object(100).into()).unwrap().len(), 100);
    let error = serde_json::from_value::<TextMap>(object(101).into()).unwrap_err();
    assert!(error.to_string().contains("more than 100 entries"), "{error}");
    assert!(serde_json::from_str::<TextMap>(r#"{"a":1}"#).is_err());
    assert!(serde_json::from_str::<TextMap>("[]").is_err());
}
