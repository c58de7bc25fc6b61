//! What the operator may do, for the chart, for the manifests and for the samples.
//!
//! Must not know a verb: the rules are those of `controller::rbac`.

use crate::Artefact;
use controller::rbac;
use k8s_openapi::api::rbac::v1::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

/// Namespace of the manifests in config/.
const NAMESPACE: &str = "azureml-system";
/// Secrets of the samples, by name.
const SAMPLE_SECRETS: [&str; 5] = ["azure", "databricks", "dsvm-ssh", "gpu-ssh", "spark-ssh"];
/// ConfigMaps of the samples.
const SAMPLE_CONFIG_MAPS: [&str; 1] = ["workstation-scripts"];
/// Stand for the values of the chart until the text is a template: the mark, and the value.
const NAMES: [(&str, &str); 2] = [("SECRET-NAMES", "secretNames"), ("CONFIG-MAP-NAMES", "configMapNames")];

fn yaml(value: &impl Serialize) -> String {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, &serde_json::to_value(value).unwrap(), options).unwrap();
    text
}

/// Rules as definitions for templates.
pub(crate) fn template() -> Vec<Artefact> {
    let parts = [
        ("namespacedRules", "What is needed in every namespace that is served.", rbac::namespaced_rules()),
        ("clusterRules", "What is needed once in the cluster.", rbac::cluster_rules()),
        (
            "secretRules",
            "What is needed on named Secrets; the context has secretNames.",
            rbac::secret_rules(&[NAMES[0].0]),
        ),
        (
            "configMapRules",
            "What is needed on named ConfigMaps; the context has configMapNames.",
            rbac::config_map_rules(&[NAMES[1].0]),
        ),
        ("ownRules", "What is needed in the namespace the operator runs in.", rbac::own_rules()),
        ("viewRules", "What people who may view a namespace may do.", rbac::view_rules()),
        ("editRules", "What people who may edit a namespace may do.", rbac::edit_rules()),
    ];
    let mut text = format!("{{{{/* {} */}}}}\n", api::GENERATED);
    for (name, what, rules) in parts {
        let mut rules = yaml(&rules);
        for (mark, value) in NAMES {
            rules = rules.replace(
                &format!("resourceNames:\n  - {mark}\n"),
                &format!("resourceNames:\n  {{{{- toYaml .{value} | nindent 2 }}}}\n"),
            );
            assert!(!rules.contains(mark), "the names must come from the values: {rules}");
        }
        text.push_str(&format!(
            "\n{{{{/* {what} */}}}}\n{{{{- define \"operator.{name}\" -}}}}\n{rules}{{{{- end }}}}\n"
        ));
    }
    let access = secret_access();
    text.push_str(&format!(
        "\n{{{{/* Name of the Role and RoleBinding that lend Secrets: fixed, because the operator looks for it. */}}}}\n\
         {{{{- define \"operator.secretAccess\" -}}}}\n{access}\n{{{{- end }}}}\n"
    ));
    let access = rbac::CONFIG_MAP_ACCESS;
    text.push_str(&format!(
        "\n{{{{/* Name of the Role and RoleBinding that lend ConfigMaps. */}}}}\n\
         {{{{- define \"operator.configMapAccess\" -}}}}\n{access}\n{{{{- end }}}}\n"
    ));
    vec![Artefact::new("charts/azureml-compute-operator/templates/_rules.tpl", text)]
}

/// Name of the Role that lends Secrets.
fn secret_access() -> String {
    rbac::secret_role("team-a", &[]).metadata.name.unwrap()
}

fn metadata(name: &str, namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), namespace: namespace.map(str::to_owned), ..ObjectMeta::default() }
}

fn cluster_role(name: &str, rules: Vec<PolicyRule>, aggregate_to: &[&str]) -> ClusterRole {
    let mut metadata = metadata(name, None);
    if !aggregate_to.is_empty() {
        let label = |role: &&str| (format!("rbac.authorization.k8s.io/aggregate-to-{role}"), "true".to_owned());
        metadata.labels = Some(aggregate_to.iter().map(label).collect());
    }
    let aggregation_rule: Option<AggregationRule> = None;
    ClusterRole { aggregation_rule, metadata, rules: Some(rules) }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: "rbac.authorization.k8s.io".into(), kind: kind.into(), name: name.into() }
}

fn subjects() -> Option<Vec<Subject>> {
    Some(vec![Subject {
        kind: "ServiceAccount".into(),
        name: rbac::SERVICE_ACCOUNT.into(),
        namespace: Some(NAMESPACE.into()),
        api_group: None,
    }])
}

fn cluster_binding(name: &str) -> ClusterRoleBinding {
    ClusterRoleBinding { metadata: metadata(name, None), role_ref: role_ref("ClusterRole", name), subjects: subjects() }
}

fn documents(documents: &[String]) -> String {
    format!("# {}\n{}", api::GENERATED, documents.join("---\n"))
}

/// Roles and bindings of config/rbac.
pub(crate) fn manifests() -> Vec<Artefact> {
    let name = rbac::SERVICE_ACCOUNT;
    let definitions = format!("{name}-definitions");
    let own = format!("{name}-own");
    let documents = documents(&[
        yaml(&cluster_role(name, rbac::namespaced_rules(), &[])),
        yaml(&cluster_role(&definitions, rbac::cluster_rules(), &[])),
        yaml(&cluster_role(&format!("{name}-view"), rbac::view_rules(), &["admin", "edit", "view"])),
        yaml(&cluster_role(&format!("{name}-edit"), rbac::edit_rules(), &["admin", "edit"])),
        yaml(&cluster_binding(name)),
        yaml(&cluster_binding(&definitions)),
        yaml(&Role { metadata: metadata(&own, Some(NAMESPACE)), rules: Some(rbac::own_rules()) }),
        yaml(&RoleBinding {
            metadata: metadata(&own, Some(NAMESPACE)),
            role_ref: role_ref("Role", &own),
            subjects: subjects(),
        }),
    ]);
    vec![Artefact::new("config/rbac/roles.yaml", documents)]
}

/// The Roles of the samples' namespace, and their bindings to the operator.
pub(crate) fn samples() -> Vec<Artefact> {
    let namespace = "team-a";
    let lent = |role: &Role| {
        let name = role.metadata.name.clone().unwrap();
        let binding = RoleBinding {
            metadata: metadata(&name, Some(namespace)),
            role_ref: role_ref("Role", &name),
            subjects: subjects(),
        };
        documents(&[yaml(role), yaml(&binding)])
    };
    let secrets = lent(&rbac::secret_role(namespace, &SAMPLE_SECRETS));
    let config_maps = lent(&rbac::config_map_role(namespace, &SAMPLE_CONFIG_MAPS));
    vec![
        Artefact::new("config/samples/secret-access.yaml", secrets),
        Artefact::new("config/samples/config-map-access.yaml", config_maps),
    ]
}
