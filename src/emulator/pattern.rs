//! Patterns with `*` for any text, as faults and role definitions write them. Knows nothing of paths or actions.

/// Whether `text` fits all of `pattern`, letter case and all.
pub(crate) fn fits(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return text == pattern };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_prefix(first).and_then(|text| text.strip_suffix(last)) else { return false };
    for piece in middle.split('*') {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_fits_with_any_text_for_its_stars_and_with_no_other() {
        for (text, pattern) in [
            ("abc", "abc"),
            ("abc", "*"),
            ("abc", "a*"),
            ("abc", "*c"),
            ("abc", "a*c"),
            ("abcbc", "a*b*bc"),
            ("", "*"),
            ("aa", "a*a"),
        ] {
            assert!(fits(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in
            [("abc", "ab"), ("abc", "b*"), ("a", "a*a"), ("abc", "a*x*c"), ("abcb", "a*c"), ("abc", "")]
        {
            assert!(!fits(text, pattern), "{text} {pattern}");
        }
    }
}
