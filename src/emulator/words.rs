//! Words of the API read back from a state file. What bodies say is read elsewhere.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Deserializer};

/// A word of the API. Named, because serde takes a plain `&'static str` for something that it may borrow from its input.
pub(crate) type Word = &'static str;

/// Reads a word that the program holds as `&'static str`.
pub(crate) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    String::deserialize(deserializer).map(|text| kept(&text))
}

/// Reads such a word, or none.
pub(crate) fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'static str>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(|text| kept(&text)))
}

/// Each word is kept once and for ever: there are few of them, and they are read at the start only.
fn kept(text: &str) -> &'static str {
    static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.get(text) {
        return known;
    }
    let word: &'static str = Box::leak(Box::from(text));
    words.insert(word);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_are_kept_once() {
        assert!(std::ptr::eq(kept("LowPriority"), kept(["Low", "Priority"].concat().as_str())));
        assert_ne!(kept("Linux"), kept("Windows"));
    }
}
