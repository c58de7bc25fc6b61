//! Who gets vCPUs: what is in use in a region, what the quotas leave, why a create has no room. Grants and refuses; moves no time.

use std::collections::BTreeMap;

use crate::{
    compute::{
        ArmError, Change, Compute,
        amlcompute::Settings,
        machine::{Machine, Reserved},
        nodes::Grant,
    },
    quota::Limit,
    sizes::{Catalogue, VmSize},
    workspace::Workspace,
    world::{ComputeKey, World},
};

/// vCPUs in use in a region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) dedicated: i64,
    pub(crate) low_priority: i64,
    /// By family in lower case.
    pub(crate) families: BTreeMap<String, i64>,
    pub(crate) low_priority_families: BTreeMap<String, i64>,
}

impl World {
    /// How many of the wanted nodes the quotas leave room for.
    pub(crate) fn grant(&self, key: &ComputeKey, lacks: u32) -> Grant {
        let Some(compute) = self.compute(key) else { return Grant::default() };
        let Some(reserved) = compute.machine.reserved() else { return Grant::default() };
        self.room(&key.0, &compute.compute_location, reserved, lacks, None)
    }

    /// How many more machines of a kind the quotas leave room for in a region, and the refusal of `lacks`. One machine of the size
    /// `held` is taken not to be there.
    fn room(&self, key: &str, location: &str, asked: Reserved<'_>, lacks: u32, held: Option<&str>) -> Grant {
        let Some(workspace) = self.workspaces.get(key) else { return Grant::default() };
        let Some(size) = Catalogue::get().size(asked.vm_size) else { return Grant::default() };
        let subscription = workspace.subscription.as_str();
        let family = size.family.to_ascii_lowercase();
        let limit = |limit| self.quotas.limit(subscription, location, limit);
        let mut cores = self.cores(subscription, location);
        let mut own = Cores::default();
        workspace.computes.values().for_each(|compute| own.add(&compute.machine));
        if let Some(held) = held.and_then(|held| Catalogue::get().size(held)) {
            cores.give_back(held);
            own.give_back(held);
        }
        let used_by = |families: &BTreeMap<String, i64>| families.get(&family).copied().unwrap_or(0);
        let mut bounds = Vec::new();
        if asked.low_priority {
            let text = "Total Cluster Low Priority Regional vCPUs".to_owned();
            bounds.push((text, limit(Limit::LowPriority), cores.low_priority));
        } else {
            let text = crate::quota::localized_family(&size.family, false);
            if let Some(limit) = self.quotas.workspace_limit(key, &size.family) {
                bounds.push((format!("{text} of the workspace"), limit, used_by(&own.families)));
            }
            bounds.push((text, limit(Limit::Family(&size.family)), used_by(&cores.families)));
            let text = "Total Cluster Dedicated Regional vCPUs".to_owned();
            bounds.push((text, limit(Limit::Dedicated), cores.dedicated));
        }
        let vcpus = i64::from(size.vcpus.max(1));
        let room = |limit: i64, used: i64| u32::try_from((limit - used).max(0) / vcpus).unwrap_or(u32::MAX);
        let tightest = bounds.into_iter().min_by_key(|(_, limit, used)| room(*limit, *used));
        let Some((text, limit, used)) = tightest else { return Grant::default() };
        let link = format!("https://portal.azure.com/#resource{}/quotaUsage", workspace.id());
        let wanted = i64::from(lacks) * vcpus;
        let message = format!(
            "Operation results in exceeding quota limits of {text}. Maximum allowed: {limit}, Current in use: {used}, Additional requested: {wanted}. Click here to view and request for quota: {link}"
        );
        Grant { nodes: room(limit, used), refused: Some(ArmError::new("ClusterCoreQuotaReached", message)) }
    }

    /// Why an instance of a size cannot be made or started, if it cannot: no such size for instances, a limit below it, or no room
    /// left. Codes are those of clusters, whose quota it is; the words about limits: feast-azure issue 69. `held`: the size that it
    /// holds quota for already.
    pub(crate) fn no_room(
        &self,
        workspace: &str,
        location: &str,
        vm_size: &str,
        held: Option<&str>,
    ) -> Option<ArmError> {
        let catalogue = Catalogue::get();
        let Some(size) = catalogue.size(vm_size).filter(|size| size.supports("ComputeInstance")) else {
            let mut error = ArmError::new(
                "InvalidPropertyValue",
                format!(
                    "The specified value {vm_size} for property VMSize is not a supported VM size for compute instances. See additional details for supported VM sizes."
                ),
            );
            error.details.push(("SupportedVMSizes".into(), catalogue.names_for("ComputeInstance").join(",")));
            return Some(error);
        };
        let subscription = self.workspaces.get(workspace)?.subscription.as_str();
        let needed = i64::from(size.vcpus);
        let limits =
            [(short_family(&size.family), Limit::Family(&size.family)), ("total".to_owned(), Limit::Dedicated)];
        for (what, limit) in limits {
            let limit = self.quotas.limit(subscription, location, limit);
            if needed > limit {
                let kind = if what == "total" { "total" } else { "family" };
                let message = format!(
                    "The specified subscription has a {what} vCPU quota of {limit} and is less than the requested compute instance's which maps to {needed} vCPUs. Talk to your Subscription Admin or refer to https://docs.microsoft.com/azure/machine-learning/how-to-manage-quotas#request-quota-increases to increase the {kind} vCPU quota"
                );
                return Some(ArmError::new("ClusterMinNodesExceedCoreQuota", message));
            }
        }
        let asked = Reserved { vm_size, machines: 1, low_priority: false };
        let grant = self.room(workspace, location, asked, 1, held);
        if grant.nodes == 0 { grant.refused } else { None }
    }

    /// Why a create fails, if it does: the size, or quota that leaves no room for its least nodes (recorded 2022; size:
    /// MachineLearningNotebooks issue 1169).
    pub(crate) fn verdict(&self, key: &ComputeKey) -> Option<ArmError> {
        let workspace = self.workspaces.get(&key.0)?;
        let compute = workspace.computes.get(&key.1)?;
        let creating = compute.pending.as_ref().is_some_and(|pending| pending.change == Change::Create);
        if !creating || compute.born {
            return None;
        }
        let settings = &compute.machine.cluster()?.settings;
        let size = match usable_size(settings) {
            Ok(size) => size,
            Err(error) => return Some(error),
        };
        let (subscription, location) = (workspace.subscription.as_str(), compute.compute_location.as_str());
        let nodes = i64::from(settings.scale.min.max(1));
        let needed = nodes * i64::from(size.vcpus);
        let own = (short_family(&size.family), Limit::Family(&size.family));
        let checked = if settings.is_low_priority() {
            vec![("low priority".to_owned(), Limit::LowPriority)]
        } else {
            vec![own, ("total dedicated regional".to_owned(), Limit::Dedicated)]
        };
        let over = |limit: i64| needed > limit && (settings.scale.min > 0 || limit == 0);
        checked.into_iter().find_map(|(what, limit)| {
            let limit = self.quotas.limit(subscription, location, limit);
            over(limit).then(|| {
                let message = format!(
                    "The specified subscription has a {what} vCPU quota of {limit} and cannot accomodate for at least {nodes} requested managed compute nodes which maps to {needed} vCPUs. Talk to your Subscription Admin or refer to https://docs.microsoft.com/azure/machine-learning/how-to-manage-quotas#request-quota-increases to increase the family quota"
                );
                ArmError::new("ClusterMinNodesExceedCoreQuota", message)
            })
        })
    }

    /// The computes of a subscription that live in a region, with their workspaces.
    pub(crate) fn computes_in<'a>(
        &'a self,
        subscription: &'a str,
        location: &'a str,
    ) -> impl Iterator<Item = (&'a Workspace, &'a Compute)> {
        self.workspaces
            .values()
            .filter(move |workspace| workspace.subscription == subscription)
            .flat_map(|workspace| workspace.computes.values().map(move |compute| (workspace, &**compute)))
            .filter(move |(_, compute)| compute.compute_location == location)
    }

    /// How many computes of a region count against its limit: all that Azure ML makes (how-to-manage-quotas).
    pub(crate) fn clusters_in(&self, subscription: &str, location: &str) -> usize {
        self.computes_in(subscription, location).filter(|(_, compute)| compute.machine.attached().is_none()).count()
    }

    /// vCPUs in use in a region, detached clusters included.
    pub(crate) fn cores(&self, subscription: &str, location: &str) -> Cores {
        let mut cores = Cores::default();
        for (_, compute) in self.computes_in(subscription, location) {
            cores.add(&compute.machine);
        }
        let here = self.workspaces.values().filter(|workspace| workspace.subscription == subscription);
        for (machine, place) in here.flat_map(|workspace| workspace.detached.values()) {
            if place == location {
                cores.add(machine);
            }
        }
        cores
    }
}

impl Cores {
    /// Takes one dedicated machine away.
    fn give_back(&mut self, size: &VmSize) {
        let cores = i64::from(size.vcpus);
        self.dedicated -= cores;
        *self.families.entry(size.family.to_ascii_lowercase()).or_default() -= cores;
    }

    fn add(&mut self, machine: &Machine) {
        let Some(reserved) = machine.reserved().filter(|reserved| reserved.machines > 0) else { return };
        let Some(size) = Catalogue::get().size(reserved.vm_size) else { return };
        let cores = i64::from(reserved.machines) * i64::from(size.vcpus);
        let (total, families) = if reserved.low_priority {
            (&mut self.low_priority, &mut self.low_priority_families)
        } else {
            (&mut self.dedicated, &mut self.families)
        };
        *total += cores;
        *families.entry(size.family.to_ascii_lowercase()).or_default() += cores;
    }
}

fn usable_size(settings: &Settings) -> Result<&'static VmSize, ArmError> {
    let catalogue = Catalogue::get();
    let invalid = |message: String| ArmError::new("InvalidPropertyValue", message);
    let Some(size) = catalogue.size(&settings.vm_size).filter(|size| size.supports("AmlCompute")) else {
        let mut error = invalid(format!(
            "The specified value {} for property Cluster.Properties.VMSize is not a supported VM size. See additional details for supported VM sizes.",
            settings.vm_size
        ));
        error.details.push(("SupportedVMSizes".into(), catalogue.names_for("AmlCompute").join(",")));
        return Err(error);
    };
    if settings.is_low_priority() && !size.low_priority_capable {
        return Err(invalid(format!(
            "The specified value LowPriority for property Cluster.Properties.VMPriority is not supported for VM size {}.",
            settings.vm_size
        )));
    }
    Ok(size)
}

/// `standardNDSv2Family` is told as `Standard NDSv2 family`.
fn short_family(family: &str) -> String {
    let middle = family.get(8..).unwrap_or(family).trim();
    format!("Standard {} family", middle.strip_suffix("Family").unwrap_or(middle).trim())
}
