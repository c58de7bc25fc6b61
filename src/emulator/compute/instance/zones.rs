//! Windows time zones, in which Azure ML's schedules count. Knows no schedule and no clock.

use std::{collections::BTreeMap, sync::OnceLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The zone of a Windows name in any letter case, by the Unicode CLDR (`data/windows_zones.json`); `None` if there is no such
/// name. The rules of the zones are part of the program: two machines agree about them.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    static NAMES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    static RULES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let known: BTreeMap<String, String> =
            serde_json::from_str(include_str!("../../data/windows_zones.json")).unwrap_or_default();
        known.into_iter().map(|(windows, iana)| (windows.to_lowercase(), iana)).collect()
    });
    let iana = names.get(&name.to_lowercase())?;
    RULES.get_or_init(TimeZoneDatabase::bundled).get(iana).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_windows_zone_has_rules() {
        let names: BTreeMap<String, String> =
            serde_json::from_str(include_str!("../../data/windows_zones.json")).unwrap();
        assert!(names.len() > 130, "{}", names.len());
        for name in names.keys() {
            assert!(zone(name).is_some(), "{name}");
        }
    }

    #[test]
    fn zones_are_named_as_windows_names_them() {
        assert!(zone("utc").is_some() && zone("W. Europe Standard Time").is_some());
        for other in ["Europe/Berlin", "CET", "", "+01:00"] {
            assert!(zone(other).is_none(), "{other}");
        }
    }
}
