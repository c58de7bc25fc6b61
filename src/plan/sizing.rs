//! Whether the location offers the size, and whether the quota covers what is declared.
//!
//! Must not refuse on missing knowledge: sizes and usages that could not be read refuse nothing.

use crate::action::Because;
use crate::inputs::Refs;
use crate::kind::{NodePool, Sizing};
use arm::{Usage, VmSize};

/// Refuses a size that the location does not offer for this kind; names the nearest that it does.
pub(crate) fn check_size(sizing: &Sizing<'_>, location: &str, refs: &Refs) -> Result<(), Because> {
    let Some(sizes) = refs.sizes.as_ref().filter(|sizes| !sizes.is_empty()) else { return Ok(()) };
    let fits = |size: &&VmSize| {
        size.compute_types.is_empty() || size.compute_types.iter().any(|t| t.eq_ignore_ascii_case(sizing.compute_type))
    };
    let refuse = |what: String| Err(Because::new("VmSizeNotSupported", what));
    let near = || nearest(sizing.vm_size, sizes.iter().filter(fits).map(|size| size.name.as_str()));
    let Some(size) = sizes.iter().find(|size| size.name.eq_ignore_ascii_case(sizing.vm_size)) else {
        return refuse(format!(
            "`spec.vmSize`: {} is not offered in {location}; near it are {}",
            sizing.vm_size,
            near()
        ));
    };
    if !fits(&size) {
        let what =
            format!("`spec.vmSize`: {} cannot be used for {} in {location}", sizing.vm_size, sizing.compute_type);
        return refuse(format!("{what}; near it are {}", near()));
    }
    if sizing.low_priority && !size.low_priority {
        let what = format!("`spec.vmSize`: {} has no low-priority nodes in {location}", sizing.vm_size);
        return refuse(format!("{what}; use vmPriority Dedicated or another size"));
    }
    Ok(())
}

/// Refuses nodes that are too small together, by the location's own table; a size that is not in it is not judged.
pub(crate) fn check_pool(pool: &NodePool<'_>, location: &str, refs: &Refs) -> Result<(), Because> {
    let known = refs.sizes.iter().flatten().find(|size| size.name.eq_ignore_ascii_case(pool.vm_size));
    let Some(vcpus) = known.map(|size| size.vcpus.saturating_mul(pool.nodes)).filter(|has| *has < pool.least_vcpus)
    else {
        return Ok(());
    };
    let NodePool { field, vm_size, nodes, least_vcpus, way, .. } = pool;
    let message = format!(
        "`{field}`: {nodes} nodes of {vm_size} have {vcpus} vCPUs in {location} and need {least_vcpus}; take more or larger nodes, {way}"
    );
    Err(Because::new("TooFewCores", message))
}

/// The three names nearest to a text, by edit distance over folded names.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    let fold = |text: &str| text.to_ascii_lowercase().replace("standard_", "").replace('_', "");
    let wanted = fold(wanted);
    let mut ranked: Vec<(usize, &str)> = names.map(|name| (distance(&wanted, &fold(name)), name)).collect();
    ranked.sort_unstable();
    let best: Vec<&str> = ranked.into_iter().take(3).map(|(_, name)| name).collect();
    if best.is_empty() { "none".into() } else { best.join(", ") }
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

/// What the quota says to the declared most nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Not known.
    Unknown,
    /// It covers them.
    Sufficient,
    /// It does not; the message says which and by how much.
    Insufficient(String),
}

/// Compares the vCPUs of the most nodes with the limits of the family and of the region. Limits count what runs, so
/// this compares with the whole limit, not with what others leave free: that changes all the time.
pub(crate) fn check_quota(sizing: &Sizing<'_>, refs: &Refs) -> Quota {
    let (Some(sizes), Some(usages)) = (&refs.sizes, &refs.usages) else { return Quota::Unknown };
    let Some(size) = sizes.iter().find(|size| size.name.eq_ignore_ascii_case(sizing.vm_size)) else {
        return Quota::Unknown;
    };
    let wanted = size.vcpus.saturating_mul(sizing.max_nodes);
    let limits = usages.iter().filter(|usage| counts(usage, &size.family, sizing.low_priority));
    let mut known = false;
    for usage in limits {
        known = true;
        if usage.limit >= 0 && wanted > usage.limit {
            let (what, way) = match sizing.max_nodes {
                1 => (format!("{} needs", size.name), "choose a smaller size"),
                nodes => (format!("{nodes} nodes of {} need", size.name), "lower the number of nodes"),
            };
            return Quota::Insufficient(format!(
                "{what} {wanted} vCPUs, the quota {} allows {}; ask for more quota or {way}",
                usage.name, usage.limit
            ));
        }
    }
    if known { Quota::Sufficient } else { Quota::Unknown }
}

/// Whether a usage counts nodes of this family. Low-priority nodes have one regional quota of their own, dedicated
/// ones a family's and a regional one.
fn counts(usage: &Usage, family: &str, low_priority: bool) -> bool {
    let kind = usage.kind.to_ascii_lowercase();
    if low_priority {
        return kind.contains("totallowprioritycores");
    }
    kind.contains("totaldedicatedcores")
        || (kind.contains("vmfamily/dedicatedcores") && usage.name.eq_ignore_ascii_case(family))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::WorkspaceState;

    fn size(name: &str, types: &[&str], low_priority: bool) -> VmSize {
        let compute_types = types.iter().map(|t| (*t).to_owned()).collect();
        VmSize { name: name.into(), family: "standardDv2Family".into(), vcpus: 2, low_priority, compute_types }
    }

    fn refs() -> Refs {
        let usage = |name: &str, kind: &str, limit| Usage { name: name.into(), kind: kind.into(), current: 0, limit };
        Refs {
            sizes: Some(vec![
                size("Standard_D2_v2", &["AmlCompute"], true),
                size("Standard_D3_v2", &["AmlCompute"], false),
                size("Standard_NC6", &["ComputeInstance"], true),
            ]),
            usages: Some(vec![
                usage("standardDv2Family", "x/vmFamily/dedicatedCores/usages", 6),
                usage("TotalDedicatedCores", "x/totalDedicatedCores/usages", 20),
                usage("TotalLowPriorityCores", "x/totalLowPriorityCores/usages", -1),
            ]),
            ..Refs::of(WorkspaceState::Missing)
        }
    }

    fn sizing(vm_size: &str, low_priority: bool, max_nodes: i64) -> Sizing<'_> {
        Sizing { vm_size, location: None, low_priority, max_nodes, compute_type: "AmlCompute" }
    }

    #[test]
    fn unknown_size_is_refused_with_near_names() {
        let refused = check_size(&sizing("STANDARD_D22_V2", false, 1), "eastus", &refs()).unwrap_err();
        assert_eq!(refused.reason, "VmSizeNotSupported");
        assert!(refused.message.contains("Standard_D2_v2, Standard_D3_v2"), "{}", refused.message);
        assert!(!refused.message.contains("NC6"), "a size of another compute type is no help");
    }

    #[test]
    fn size_of_another_type_or_priority_is_refused_and_any_case_fits() {
        assert!(check_size(&sizing("standard_d2_V2", true, 1), "eastus", &refs()).is_ok());
        assert!(check_size(&sizing("Standard_NC6", false, 1), "eastus", &refs()).is_err());
        assert!(check_size(&sizing("Standard_D3_v2", true, 1), "eastus", &refs()).is_err());
        let ignorant = Refs { sizes: None, ..refs() };
        assert!(check_size(&sizing("anything", true, 1), "eastus", &ignorant).is_ok());
    }

    #[test]
    fn quota_is_compared_by_family_region_and_priority() {
        assert_eq!(check_quota(&sizing("Standard_D2_v2", false, 3), &refs()), Quota::Sufficient);
        assert!(
            matches!(check_quota(&sizing("Standard_D2_v2", false, 4), &refs()), Quota::Insufficient(m) if m.contains("need 8 vCPUs"))
        );
        assert_eq!(check_quota(&sizing("Standard_D2_v2", true, 4000), &refs()), Quota::Sufficient);
        assert_eq!(check_quota(&sizing("Standard_X", false, 4), &refs()), Quota::Unknown);
    }
}
