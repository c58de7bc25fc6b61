//! Limits of vCPUs and computes by subscription, region and family. Counts nothing itself: usage is told to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{route::normal_location, seed::QuotaSeed, sizes::Catalogue};

/// What a limit is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit<'a> {
    /// Dedicated vCPUs of a family.
    Family(&'a str),
    /// Dedicated vCPUs together.
    Dedicated,
    /// Low-priority vCPUs together.
    LowPriority,
    /// Computes.
    Clusters,
}

/// Defaults of a new subscription, within what is documented (how-to-manage-quotas, 2026-01-27: dedicated 24 to 300 by
/// offer, low priority 100 to 3,000, computes 500, special families 0).
const DEDICATED: i64 = 300;
const FAMILY: i64 = 100;
const LOW_PRIORITY: i64 = 100;
const CLUSTERS: i64 = 500;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Overrides {
    dedicated: Option<i64>,
    low_priority: Option<i64>,
    clusters: Option<i64>,
    families: BTreeMap<String, i64>,
}

/// All limits that differ from the defaults.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Quotas {
    #[serde(with = "crate::pairs")]
    regions: BTreeMap<(String, String), Overrides>,
    /// Limits that `updateQuotas` gave a workspace, by workspace key and family in lower case.
    #[serde(with = "crate::pairs")]
    workspaces: BTreeMap<(String, String), i64>,
}

impl Quotas {
    /// The limits of a seed.
    pub(crate) fn new(seeds: &[QuotaSeed]) -> Self {
        let mut quotas = Self::default();
        for seed in seeds {
            quotas.set(seed);
        }
        quotas
    }

    /// Changes the limits that are given and leaves the others.
    pub(crate) fn set(&mut self, seed: &QuotaSeed) {
        let key = (seed.subscription.to_ascii_lowercase(), normal_location(&seed.location));
        let region = self.regions.entry(key).or_default();
        region.dedicated = seed.total_dedicated_cores.or(region.dedicated);
        region.low_priority = seed.total_low_priority_cores.or(region.low_priority);
        region.clusters = seed.total_clusters.or(region.clusters);
        region.families.extend(seed.families.iter().map(|(family, limit)| (family.to_ascii_lowercase(), *limit)));
    }

    /// A limit of a subscription in a region.
    pub(crate) fn limit(&self, subscription: &str, location: &str, limit: Limit<'_>) -> i64 {
        let region = self.regions.get(&(subscription.to_ascii_lowercase(), location.to_owned()));
        match limit {
            Limit::Dedicated => region.and_then(|region| region.dedicated).unwrap_or(DEDICATED),
            Limit::LowPriority => region.and_then(|region| region.low_priority).unwrap_or(LOW_PRIORITY),
            Limit::Clusters => region.and_then(|region| region.clusters).unwrap_or(CLUSTERS),
            Limit::Family(family) => region
                .and_then(|region| region.families.get(&family.to_ascii_lowercase()).copied())
                .unwrap_or(if Catalogue::get().is_specialized(family) { 0 } else { FAMILY }),
        }
    }

    /// The limit of a family in one workspace, if one was set.
    pub(crate) fn workspace_limit(&self, workspace: &str, family: &str) -> Option<i64> {
        self.workspaces.get(&(workspace.to_owned(), family.to_ascii_lowercase())).copied()
    }

    /// Forgets the limits of a workspace that is gone.
    pub(crate) fn forget_workspace(&mut self, workspace: &str) {
        self.workspaces.retain(|(known, _), _| known != workspace);
    }

    /// Sets the limit of a family in one workspace.
    pub(crate) fn set_workspace_limit(&mut self, workspace: &str, family: &str, limit: i64) {
        self.workspaces.insert((workspace.to_owned(), family.to_ascii_lowercase()), limit);
    }
}

/// Whether there is a family of that name, in any letter case.
pub(crate) fn is_family(name: &str) -> bool {
    Catalogue::get().families().iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The text that usages show beside a family's name (recorded 2025-11-04, double spaces included).
pub(crate) fn localized_family(family: &str, low_priority: bool) -> String {
    let middle = family.get(8..).unwrap_or(family);
    let middle = middle.strip_suffix("Family").unwrap_or(middle);
    let kind = if low_priority { "LowPriority" } else { "Dedicated" };
    format!("Standard {middle} Family Cluster {kind} vCPUs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_documented_defaults_until_changed() {
        let mut quotas = Quotas::default();
        let family = |quotas: &Quotas, name| quotas.limit("S", "eastus", Limit::Family(name));
        assert_eq!((family(&quotas, "standardDv2Family"), family(&quotas, "standardNCSv3Family")), (100, 0));
        quotas.set(&QuotaSeed {
            subscription: "s".into(),
            location: "East US".into(),
            total_dedicated_cores: Some(10),
            total_low_priority_cores: None,
            total_clusters: None,
            families: BTreeMap::from([("STANDARDNCSV3FAMILY".into(), 12)]),
        });
        assert_eq!((family(&quotas, "standardNCSv3Family"), quotas.limit("S", "eastus", Limit::Dedicated)), (12, 10));
        assert_eq!(quotas.limit("S", "westus", Limit::Dedicated), 300);
    }

    #[test]
    fn family_texts_are_as_recorded() {
        assert_eq!(localized_family("standardDFamily", false), "Standard D Family Cluster Dedicated vCPUs");
        assert_eq!(
            localized_family("Standard NCASv3_T4 Family", true),
            "Standard  NCASv3_T4  Family Cluster LowPriority vCPUs"
        );
    }
}
