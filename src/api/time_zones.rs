//! Names of time zones: IANA's, which people write, and Windows', which Azure takes.
//!
//! Must not know when a zone changes its clocks. The table is Unicode CLDR's; `time_zones.txt` says which.

/// One Windows zone a line, then the IANA names that mean it.
const TABLE: &str = include_str!("time_zones.txt");

fn zones() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "))
}

/// The Windows name of the zone with this IANA name, such as `W. Europe Standard Time` for `Europe/Berlin`. Names are
/// compared as they are, aliases included; absent for what CLDR maps to no Windows zone.
pub fn windows_zone(iana: &str) -> Option<&'static str> {
    zones().find(|(_, names)| names.split(' ').any(|name| name == iana)).map(|(windows, _)| windows)
}

/// Every IANA name that has a Windows zone.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    zones().flat_map(|(_, names)| names.split(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn iana_name_becomes_the_windows_name_that_cldr_gives_it() {
        for (iana, windows) in [
            ("Europe/Berlin", "W. Europe Standard Time"),
            ("America/Los_Angeles", "Pacific Standard Time"),
            ("Asia/Calcutta", "India Standard Time"),
            ("Asia/Kolkata", "India Standard Time"),
            ("Europe/Kyiv", "FLE Standard Time"),
            ("UTC", "UTC"),
            ("Etc/GMT+12", "Dateline Standard Time"),
        ] {
            assert_eq!(windows_zone(iana), Some(windows), "{iana}");
        }
    }

    #[test]
    fn unknown_name_has_no_windows_name() {
        for name in
            ["", "Berlin", "europe/berlin", "W. Europe Standard Time", "Antarctica/Troll", "Europe/Berlin ", "#"]
        {
            assert_eq!(windows_zone(name), None, "{name:?}");
        }
    }

    #[test]
    fn every_name_stands_in_the_table_once() {
        let all: Vec<&str> = names().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!((zones().count(), all.len()), (139, 598), "CLDR 48.2 has so many");
        // A rule quotes them.
        assert!(all.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c))));
    }
}
