//! What can be wrong with a seed although its JSON has the right shape: said in words, with the path of the member. Makes nothing.

use std::collections::BTreeSet;

use crate::{
    checks::LOCATIONS,
    compute::identity::USER_ASSIGNED,
    quota, resources,
    route::normal_location,
    seed::{BudgetSeed, IdentitySeed, QuotaSeed, Seed, SubscriptionSeed, ThrottleSeed, WorkspaceSeed},
};

/// Looks at all of a seed but its computes, locks and role assignments, which are looked at where they are made.
///
/// # Errors
/// The first thing that is wrong, as `subscriptions[0].tenant: ...`.
pub(crate) fn inspect(seed: &Seed) -> Result<(), String> {
    let mut principals = BTreeSet::new();
    for (index, principal) in seed.principals.iter().enumerate() {
        for (name, text) in [("tenant", &principal.tenant), ("clientId", &principal.client_id)] {
            if text.is_empty() || text.contains('/') {
                return Err(format!("principals[{index}].{name}: '{text}' is no id"));
            }
        }
        let key = format!("{}/{}", principal.tenant, principal.client_id).to_ascii_lowercase();
        if !principals.insert(key) {
            let client = &principal.client_id;
            return Err(format!("principals[{index}].clientId: '{client}' is there twice in its tenant"));
        }
    }
    each("identities", &seed.identities, identity)?;
    let mut subscriptions = BTreeSet::new();
    for (index, one) in seed.subscriptions.iter().enumerate() {
        let at = format!("subscriptions[{index}]");
        if !subscriptions.insert(one.id.to_ascii_lowercase()) {
            return Err(format!("{at}.id: '{}' is there twice", one.id));
        }
        subscription(one).map_err(|why| format!("{at}.{why}"))?;
    }
    each("quotas", &seed.quotas, quota_of)?;
    for (index, quota) in seed.quotas.iter().enumerate() {
        if !subscriptions.contains(&quota.subscription.to_ascii_lowercase()) {
            return Err(format!("quotas[{index}].subscription: the seed has no subscription '{}'", quota.subscription));
        }
    }
    throttle(&seed.throttle).map_err(|why| format!("throttle.{why}"))?;
    if seed.page_size == 0 {
        return Err("pageSize: a page has at least one compute".into());
    }
    Ok(())
}

fn each<T>(list: &str, items: &[T], look: impl Fn(&T) -> Result<(), String>) -> Result<(), String> {
    items.iter().enumerate().try_for_each(|(index, item)| look(item).map_err(|why| format!("{list}[{index}].{why}")))
}

fn identity(seed: &IdentitySeed) -> Result<(), String> {
    if resources::is_a(&seed.id, USER_ASSIGNED) {
        return Ok(());
    }
    Err(format!("id: '{}' is no ARM id of a user-assigned identity", seed.id))
}

fn subscription(seed: &SubscriptionSeed) -> Result<(), String> {
    for (name, id) in [("id", &seed.id), ("tenant", &seed.tenant)] {
        if uuid::Uuid::parse_str(id).is_err() {
            return Err(format!("{name}: '{id}' is no UUID"));
        }
    }
    let mut groups = BTreeSet::new();
    for (index, group) in seed.resource_groups.iter().enumerate() {
        let at = format!("resourceGroups[{index}]");
        // Resource group names: letters, digits, and -._() (resource-name-rules).
        named(&group.name, "-._()").map_err(|why| format!("{at}.{why}"))?;
        if !groups.insert(group.name.to_ascii_lowercase()) {
            return Err(format!("{at}.name: '{}' is there twice", group.name));
        }
        for (index, workspace) in group.workspaces.iter().enumerate() {
            self::workspace(workspace).map_err(|why| format!("{at}.workspaces[{index}].{why}"))?;
        }
    }
    Ok(())
}

/// A workspace: its name and its region.
///
/// # Errors
/// What is wrong, with the member.
pub(crate) fn workspace(seed: &WorkspaceSeed) -> Result<(), String> {
    named(&seed.name, "-_")?;
    located(&seed.location)
}

/// A name that can stand in a path: `more` are the letters beside those of ASCII and digits.
///
/// # Errors
/// It is none.
pub(crate) fn named(name: &str, more: &str) -> Result<(), String> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || more.contains(letter);
    if !name.is_empty() && name.len() <= 90 && name.chars().all(good) {
        return Ok(());
    }
    Err(format!("name: '{name}' is no name: 1 to 90 letters, digits or any of {more}"))
}

/// A region of Azure ML, in any spelling.
///
/// # Errors
/// It is none.
pub(crate) fn located(location: &str) -> Result<(), String> {
    if LOCATIONS.contains(&normal_location(location).as_str()) {
        return Ok(());
    }
    Err(format!("location: '{location}' is no region of Azure ML; known are {}", LOCATIONS.join(", ")))
}

/// Limits of one region: the region and the families exist, and no limit is negative.
///
/// # Errors
/// What is wrong, with the member.
pub(crate) fn quota_of(seed: &QuotaSeed) -> Result<(), String> {
    located(&seed.location)?;
    let totals = [
        ("totalDedicatedCores", seed.total_dedicated_cores),
        ("totalLowPriorityCores", seed.total_low_priority_cores),
        ("totalClusters", seed.total_clusters),
    ];
    if let Some((name, limit)) = totals.into_iter().find(|(_, limit)| limit.is_some_and(|limit| limit < 0)) {
        return Err(format!("{name}: {} is no limit; give 0 or more", limit.unwrap_or_default()));
    }
    for (family, limit) in &seed.families {
        if !quota::is_family(family) {
            return Err(format!("families: '{family}' is no family of VM sizes; GET .../usages lists them"));
        }
        if *limit < 0 {
            return Err(format!("families.{family}: {limit} is no limit; give 0 or more"));
        }
    }
    Ok(())
}

/// Budgets that let something through.
///
/// # Errors
/// What is wrong, with the member.
pub(crate) fn throttle(seed: &ThrottleSeed) -> Result<(), String> {
    for (name, BudgetSeed { capacity, per_second }) in
        [("reads", seed.reads), ("writes", seed.writes), ("deletes", seed.deletes)]
    {
        if capacity == 0 {
            return Err(format!("{name}.capacity: a budget has at least one request"));
        }
        if !per_second.is_finite() || per_second < 0.0 {
            return Err(format!("{name}.perSecond: {per_second} is no rate; give 0 or more"));
        }
    }
    if seed.global_factor == 0 {
        return Err("globalFactor: give 1 or more".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = crate::seed::SUBSCRIPTION;

    #[test]
    fn wrong_seeds_are_told_with_the_path_of_the_member() {
        let group = |rest: &str| {
            format!(r#"{{"subscriptions": [{{"id": "{ID}", "tenant": "{ID}", "resourceGroups": [{rest}]}}]}}"#)
        };
        let workspace = |rest: &str| {
            group(&format!(r#"{{"name": "g", "workspaces": [{{"name": "one", "location": "eastus"}}, {rest}]}}"#))
        };
        let quota = |rest: &str| format!(r#"{{"quotas": [{{"subscription": "{ID}", "location": "eastus", {rest}}}]}}"#);
        let principal = r#"{"tenant": "t", "clientId": "c", "clientSecret": "s"}"#;
        for (text, part) in [
            (r#"{"subscriptions": [{"id": "x", "tenant": "y"}]}"#.to_owned(), "subscriptions[0].id: 'x' is no UUID"),
            (
                format!(r#"{{"subscriptions": [{{"id": "{ID}", "tenant": "y"}}]}}"#),
                "subscriptions[0].tenant: 'y' is no UUID",
            ),
            (
                format!(
                    r#"{{"subscriptions": [{{"id": "{ID}", "tenant": "{ID}"}}, {{"id": "{ID}", "tenant": "{ID}"}}]}}"#
                ),
                "subscriptions[1].id: ",
            ),
            (group(r#"{"name": "a/b"}"#), "subscriptions[0].resourceGroups[0].name: 'a/b' is no name"),
            (group(r#"{"name": "a"}, {"name": "A"}"#), "subscriptions[0].resourceGroups[1].name: 'A' is there twice"),
            (workspace(r#"{"name": "", "location": "eastus"}"#), "resourceGroups[0].workspaces[1].name: '' is no name"),
            (workspace(r#"{"name": "w", "location": "atlantis"}"#), "workspaces[1].location: 'atlantis' is no region"),
            (format!(r#"{{"principals": [{principal}, {principal}]}}"#), "principals[1].clientId: 'c' is there twice"),
            (
                r#"{"principals": [{"tenant": "a/b", "clientId": "c", "clientSecret": "s"}]}"#.into(),
                "principals[0].tenant: ",
            ),
            (
                r#"{"identities": [{"id": "me", "principalId": "p", "clientId": "c"}]}"#.into(),
                "identities[0].id: 'me' is no ARM id",
            ),
            (quota(r#""totalClusters": -1"#), "quotas[0].totalClusters: -1 is no limit"),
            (quota(r#""families": {"standardFamily": 1}"#), "quotas[0].families: 'standardFamily' is no family"),
            (quota(r#""families": {"standardDv2Family": -1}"#), "quotas[0].families.standardDv2Family: -1"),
            (quota(r#""totalClusters": 1"#).replace("eastus", "x"), "quotas[0].location: 'x' is no region"),
            (quota(r#""totalClusters": 1"#).replace("1111-", "1119-"), "quotas[0].subscription: the seed has no"),
            (r#"{"throttle": {"reads": {"capacity": 0, "perSecond": 1}}}"#.into(), "throttle.reads.capacity: "),
            (r#"{"throttle": {"deletes": {"capacity": 1, "perSecond": -1}}}"#.into(), "throttle.deletes.perSecond: -1"),
            (r#"{"throttle": {"globalFactor": 0}}"#.into(), "throttle.globalFactor: "),
            (r#"{"pageSize": 0}"#.into(), "pageSize: "),
        ] {
            let why = inspect(&Seed::from_json(&text).unwrap()).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
        assert_eq!(inspect(&Seed::default()), Ok(()));
    }
}
