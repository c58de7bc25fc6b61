//! How long every text, list and map of the objects may be.
//!
//! Must not hold a rule of meaning (those are CEL, in `rules`): only sizes. Kubernetes refuses a schema whose rules
//! could become too dear to check, and a status that breaks its own schema is refused as a whole: hence every value
//! is bounded here, and [`crate::ComputeClusterStatus::bounded`] and its like cut what is reported. Texts are counted
//! in characters, as the API server counts them.

/// Names of Kubernetes objects, and keys in a Secret's data: DNS-1123 subdomains have at most 253 characters.
pub const OBJECT_NAME: usize = 253;
/// Names of computes. The 2026 API allows 24 for new ones; service versions before it allowed 32, and such computes
/// can be adopted or observed (azureml-api.md h).
pub const AZURE_NAME: usize = 32;
/// ARM ids: 90 characters of resource group, 36 of subscription and the longest names stay below this.
pub const ARM_ID: usize = 512;
/// Names of virtual networks: Azure allows 64.
pub const NETWORK_NAME: usize = 64;
/// Names of subnets: Azure allows 80.
pub const SUBNET_NAME: usize = 80;
/// Names of resource groups: Azure allows 90.
pub const RESOURCE_GROUP: usize = 90;
/// VM sizes and locations; the longest known size has 26 characters.
pub const AZURE_WORD: usize = 64;
/// GUIDs, in their canonical form.
pub const GUID: usize = 36;
/// Durations: `P9999DT999999H9999999M999999999S` and shorter.
pub const DURATION: usize = 32;
/// A cluster's description.
pub const DESCRIPTION: usize = 1024;
/// Administrator names: the shorter of Linux' own limit (32) and Azure's (64).
pub const ADMIN_USERNAME: usize = 32;
/// OpenSSH public keys: RSA with 16,384 bits and a long comment fits.
pub const SSH_PUBLIC_KEY: usize = 8192;
/// Tags: Azure allows 50; two are ours and one is left to policies.
pub const TAGS: usize = 47;
/// Remembered tag keys: every tag that may be declared, and those that just left the declaration.
pub const MANAGED_TAGS: usize = 2 * TAGS;
/// Tag keys: Azure's limit.
pub const TAG_KEY: usize = 512;
/// Tag values: Azure's limit.
pub const TAG_VALUE: usize = 256;
/// User-assigned identities of one compute.
pub const USER_ASSIGNED: usize = 20;
/// Nodes of one cluster: 100 by default, raisable to this (azureml-api.md g.2).
pub const NODES: i64 = 65_000;

/// Schedules of one instance (how-to-create-compute-instance: "a total of four schedules").
pub const SCHEDULES: usize = 4;
/// Names of schedules: ours alone.
pub const SCHEDULE_NAME: usize = 63;
/// IANA names of time zones; the longest of them has 32 characters.
pub const TIME_ZONE: usize = 64;
/// Cron expressions: five fields, each a list of a few numbers.
pub const CRON: usize = 256;
/// Units of a recurrence between two times.
pub const INTERVAL: i64 = 1_000;
/// Setup scripts. Azure publishes no limit for an inline one; this is what Azure allows a virtual machine's custom data,
/// and one object stays small enough for etcd with two of them.
pub const SCRIPT: usize = 65_536;
/// Arguments of one setup script.
pub const ARGUMENTS: usize = 32;
/// One argument of a setup script.
pub const ARGUMENT: usize = 256;
/// Applications of one instance.
pub const CUSTOM_SERVICES: usize = 10;
/// Names of applications.
pub const SERVICE_NAME: usize = 63;
/// Published ports of one application.
pub const ENDPOINTS: usize = 10;
/// Environment variables of one application.
pub const VARIABLES: usize = 64;
/// One environment variable's value.
pub const VARIABLE: usize = 4_096;
/// Folders of one application.
pub const VOLUMES: usize = 16;
/// Paths of folders.
pub const PATH: usize = 512;
/// References of container images: registry, repository, tag and digest fit.
pub const IMAGE: usize = 512;

/// DNS labels, and names of what Kubernetes names by them.
pub const LABEL: usize = 63;
/// Sizes of jobs that one attached cluster declares.
pub const INSTANCE_TYPES: usize = 64;
/// Labels in one node selector, and resources in one list of amounts.
pub const LABELS: usize = 32;
/// Nodes of an AKS cluster that Azure ML makes: AKS allows 1,000 in a pool, and Azure ML makes one pool.
pub const AKS_NODES: i64 = 1_000;
/// Ranges of IPv4 addresses: `255.255.255.255/32` has 18 characters.
pub const CIDR: usize = 18;
/// Names of accounts on machines that exist.
pub const SSH_USERNAME: usize = 64;

/// Reported texts of one word: reasons, codes, states, names of operations.
pub const WORD: usize = 128;
/// Reported messages. Kubernetes allows 32,768; a status stays small enough to be watched by many.
pub const MESSAGE: usize = 2048;
/// Reported paths of fields, targets of errors, values in a plan, hints.
pub const VALUE: usize = 512;
/// Lists that one object can set and empty again: schedules and custom applications of an instance.
pub const MANAGED_LISTS: usize = 2;
/// Reported times: RFC 3339 with nanoseconds and an offset stays below this.
pub const TIME: usize = 64;
/// Conditions of one object.
pub const CONDITIONS: usize = 16;
/// Provisioning errors of one compute.
pub const PROVISIONING_ERRORS: usize = 10;
/// Differences in one plan.
pub const PLAN: usize = 32;
/// Applications that an instance reports: its own, and those of its owner.
pub const REPORTED_ENDPOINTS: usize = 64;
/// Azure ML's services on one AKS cluster.
pub const SYSTEM_SERVICES: usize = 16;
/// Hints on one object.
pub const ADVICE: usize = 16;
/// Reported counters: what a signed 32-bit integer of Azure's can hold.
pub const COUNT: i64 = 2_147_483_647;
/// Generations: integers that survive JSON's numbers, 2^53 - 1.
pub const GENERATION: i64 = 9_007_199_254_740_991;

/// The text, cut to so many characters; a cut text ends in an ellipsis.
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Cuts in place, where the text is too long.
pub(crate) fn cut_in_place(text: &mut String, max: usize) {
    // Bytes are never fewer than characters: the common case costs no count.
    if text.len() > max {
        *text = cut(text, max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_characters_and_says_so() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        let mut text = "ä".repeat(10);
        cut_in_place(&mut text, 10);
        assert_eq!(text.chars().count(), 10);
        cut_in_place(&mut text, 4);
        assert_eq!(text, "äää…");
    }
}
