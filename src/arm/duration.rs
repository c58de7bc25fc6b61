//! Durations as Azure (ISO 8601) and as people (Go form) write them, compared by value.
//!
//! Must not accept calendar units longer than a day: a month has no fixed length.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Reads `PT40M`, `P1D`, `PT2H30M`, `40m` or `1h30m`; a day counts 24 hours. `None` for anything else, negatives included.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let span: Span = text.trim().parse().ok()?;
    if span.get_years() != 0 || span.get_months() != 0 || span.get_weeks() != 0 {
        return None;
    }
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    (!duration.is_negative()).then_some(duration)
}

/// Writes a duration the way Azure answers it: whole seconds in ISO 8601, `PT0S` for none.
pub fn format_iso(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::from("PT");
    for (value, unit) in [(h, 'H'), (m, 'M'), (s, 'S')] {
        if value != 0 {
            text.push_str(&format!("{value}{unit}"));
        }
    }
    if text == "PT" {
        text.push_str("0S");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_equal_by_value() {
        for (left, right) in
            [("PT40M", "40m"), ("PT1H30M", "1h30m"), ("P1D", "24h"), ("PT2400S", "PT40M"), ("PT120M", "2h")]
        {
            assert_eq!(parse_duration(left), parse_duration(right), "{left} and {right}");
            assert!(parse_duration(left).is_some(), "{left}");
        }
    }

    #[test]
    fn what_is_no_fixed_length_is_refused() {
        for text in ["", "P1M", "P1Y", "-5m", "soon", "40"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn iso_form_is_what_azure_answers() {
        for (text, iso) in [("100s", "PT1M40S"), ("2400s", "PT40M"), ("P1D", "PT24H"), ("0s", "PT0S")] {
            assert_eq!(format_iso(parse_duration(text).unwrap()), iso);
        }
    }
}
