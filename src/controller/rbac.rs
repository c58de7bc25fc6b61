//! What the operator may do in Kubernetes, as data: the chart, the manifests and the docs are generated from it.
//!
//! Must not grant what no code uses: no wildcard, no Secret beyond the ones an administrator names, no write to
//! definitions. A verb that is added here needs the call that uses it in the same change.

use crate::fingerprint::KEY_SECRET;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Name of the ServiceAccount that Roles for Secrets are bound to, unless an installation chooses another.
pub const SERVICE_ACCOUNT: &str = "azureml-compute-operator";

/// Plural names of the kinds the operator serves.
fn served() -> Vec<String> {
    api::all_crds().into_iter().map(|crd| crd.spec.names.plural).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn rule(group: &str, resources: Vec<String>, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(words(&[group])),
        resources: Some(resources),
        verbs: words(verbs),
        ..PolicyRule::default()
    }
}

fn suffixed(suffix: &str) -> Vec<String> {
    served().into_iter().map(|plural| format!("{plural}/{suffix}")).collect()
}

/// What is needed in every namespace that is served.
pub fn namespaced_rules() -> Vec<PolicyRule> {
    vec![
        // Metadata only: finalizers and the claim. Spec and labels are never written.
        rule(api::GROUP, served(), &["get", "list", "watch", "patch"]),
        // Server-side apply; the answer is the object, so that no GET follows.
        rule(api::GROUP, suffixed("status"), &["patch"]),
        // One event per transition; a repeated one is counted up by PATCH.
        rule("events.k8s.io", words(&["events"]), &["create", "patch"]),
        // The finalizer on the right by which a namespace lends its Secrets. Patching finalizers alone needs no right
        // to escalate or bind; anything more would.
        PolicyRule {
            resource_names: Some(words(&[SECRET_ACCESS])),
            ..rule("rbac.authorization.k8s.io", words(&["roles", "rolebindings"]), &["get", "patch"])
        },
    ]
}

/// Name of the Role and RoleBinding by which a namespace lends its Secrets. The name is fixed, because the operator
/// holds them by a finalizer: deleting a namespace deletes Roles and Secrets in any order, and without the right the
/// Secret could neither be read for the last deletes nor be let go.
pub const SECRET_ACCESS: &str = "azureml-compute-operator-secrets";

/// What is needed once in the cluster: whether the definitions are there, by name, for readiness.
pub fn cluster_rules() -> Vec<PolicyRule> {
    let names = served().into_iter().map(|plural| format!("{plural}.{}", api::GROUP)).collect();
    let definitions = rule("apiextensions.k8s.io", words(&["customresourcedefinitions"]), &["get"]);
    vec![PolicyRule { resource_names: Some(names), ..definitions }]
}

/// What is needed on the Secrets that identities, keys and passwords refer to: their values, their changes (a
/// streaming list of one name needs `watch` alone), and the finalizer that keeps them while a delete needs them.
pub fn secret_rules(names: &[&str]) -> Vec<PolicyRule> {
    let secrets = rule("", words(&["secrets"]), &["get", "watch", "patch"]);
    // Without names a rule grants every Secret: no names, no rule.
    if names.is_empty() {
        return Vec::new();
    }
    vec![PolicyRule { resource_names: Some(words(names)), ..secrets }]
}

/// Name of the Role and RoleBinding by which a namespace lends its ConfigMaps. No delete needs them, so nothing is held.
pub const CONFIG_MAP_ACCESS: &str = "azureml-compute-operator-configmaps";

/// What is needed on the ConfigMaps that setup scripts refer to: their texts, and their changes.
pub fn config_map_rules(names: &[&str]) -> Vec<PolicyRule> {
    // Without names a rule grants every ConfigMap: no names, no rule.
    if names.is_empty() {
        return Vec::new();
    }
    let config_maps = rule("", words(&["configmaps"]), &["get", "watch"]);
    vec![PolicyRule { resource_names: Some(words(names)), ..config_maps }]
}

/// The Role that lets the operator read the ConfigMaps of one namespace.
pub fn config_map_role(namespace: &str, names: &[&str]) -> Role {
    let metadata = ObjectMeta {
        name: Some(CONFIG_MAP_ACCESS.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    };
    Role { metadata, rules: Some(config_map_rules(names)) }
}

/// The Role that lets the operator use the Secrets of one namespace.
pub fn secret_role(namespace: &str, names: &[&str]) -> Role {
    let metadata = ObjectMeta {
        name: Some(SECRET_ACCESS.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    };
    Role { metadata, rules: Some(secret_rules(names)) }
}

/// What is needed in the operator's own namespace: the key of its fingerprints, made once. A right to create cannot be
/// given for one name; it lets nobody read.
pub fn own_rules() -> Vec<PolicyRule> {
    let secrets = |verb| rule("", words(&["secrets"]), &[verb]);
    vec![PolicyRule { resource_names: Some(words(&[KEY_SECRET])), ..secrets("get") }, secrets("create")]
}

/// What people who may view a namespace may do with our kinds.
pub fn view_rules() -> Vec<PolicyRule> {
    vec![rule(api::GROUP, served(), &["get", "list", "watch"])]
}

/// What people who may edit a namespace may do with our kinds. Status stays the operator's.
pub fn edit_rules() -> Vec<PolicyRule> {
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    vec![rule(api::GROUP, served(), &verbs)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<PolicyRule> {
        let named = [secret_rules(&["azure"]), config_map_rules(&["scripts"])].concat();
        [namespaced_rules(), cluster_rules(), named, own_rules()].concat()
    }

    #[test]
    fn operator_has_no_wildcard_and_no_power_over_definitions_or_roles() {
        for rule in all() {
            let text = serde_json::to_string(&rule).unwrap();
            assert!(!text.contains('*'), "{text}");
            for banned in ["escalate", "bind", "impersonate", "delete", "update", "pods"] {
                let quoted = format!("\"{banned}\"");
                assert!(!text.contains(&quoted), "{banned} in {text}");
            }
            if text.contains("rbac.authorization.k8s.io") {
                assert_eq!(rule.resource_names.as_deref(), Some(&[SECRET_ACCESS.to_owned()][..]));
                assert_eq!(rule.verbs, ["get", "patch"]);
            }
            if text.contains("customresourcedefinitions") {
                assert_eq!(rule.verbs, ["get"]);
                assert_eq!(rule.resource_names.unwrap().len(), api::all_crds().len());
            }
        }
    }

    #[test]
    fn secrets_and_config_maps_are_granted_by_name_only() {
        let lent = |resource: &String| resource == "secrets" || resource == "configmaps";
        let lends = |rule: &PolicyRule| rule.resources.iter().flatten().any(lent);
        assert!(![namespaced_rules(), cluster_rules()].concat().iter().any(lends));
        assert_eq!(secret_role("team-a", &["azure"]).rules.unwrap()[0].resource_names, Some(vec!["azure".to_owned()]));
        assert!(secret_rules(&[]).is_empty(), "a rule without names would grant every Secret");
        let scripts = config_map_role("team-a", &["scripts"]).rules.unwrap();
        assert_eq!(scripts[0].resource_names, Some(vec!["scripts".to_owned()]));
        assert!(config_map_rules(&[]).is_empty(), "a rule without names would grant every ConfigMap");
        for own in own_rules() {
            let by_name = own.resource_names == Some(vec![KEY_SECRET.to_owned()]);
            assert!(by_name || own.verbs == ["create"], "own Secrets are read by name only: {own:?}");
        }
    }
}
