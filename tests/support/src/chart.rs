//! What the chart says the operator runs with, read out of the rendered Deployment; it must not set or guess anything.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{Context, Error, Result};
use crate::guard::Guard;
use crate::tools;

/// A rendered chart.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Every manifest but the Deployment: definitions, ServiceAccount, roles, bindings.
    pub manifests: String,
    /// The Deployment's ServiceAccount.
    pub service_account: String,
    /// Its container's arguments, in order.
    pub args: Vec<String>,
    /// Its container's environment, in order; a field reference to the namespace is resolved.
    pub env: Vec<(String, String)>,
}

/// Renders a chart as `helm template RELEASE CHART --namespace NAMESPACE` with these `--set` values does.
///
/// # Errors
/// When helm refuses the values, or the Deployment has not exactly one container or an environment that only a pod has.
pub fn render(chart: &Path, release: &str, namespace: &str, values: &[String]) -> Result<Rendered> {
    // helm keeps caches and settings in the home folder; this one goes when the chart is rendered.
    let guard = Guard::new("amlco-helm")?;
    let mut helm = Command::new(tools::program("helm")?);
    helm.args(["template", release]).arg(chart).args(["--namespace", namespace]);
    for value in values {
        helm.args(["--set", value]);
    }
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        helm.env(variable, guard.dir());
    }
    let output = helm.stdin(Stdio::null()).output().context(|| "cannot run helm".to_owned())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(format!("helm cannot render {}: {}", chart.display(), said.trim())));
    }
    read(&String::from_utf8_lossy(&output.stdout), namespace)
}

fn read(rendered: &str, namespace: &str) -> Result<Rendered> {
    let (mut manifests, mut deployment) = (Vec::new(), None);
    for document in rendered.split("\n---") {
        if document.lines().any(|line| line.trim_end() == "kind: Deployment") {
            let parsed: Value = serde_saphyr::from_str(document.trim_start_matches("---"))
                .context(|| "the rendered Deployment is no YAML".to_owned())?;
            deployment = Some(parsed);
        } else {
            manifests.push(document);
        }
    }
    let deployment = deployment.ok_or_else(|| Error::new("the chart renders no Deployment"))?;
    let pod = &deployment["spec"]["template"]["spec"];
    let containers = pod["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let [container] = containers else {
        return Err(Error::new(format!("the rendered Deployment has {} containers instead of one", containers.len())));
    };
    let env = list(&container["env"]).iter().map(|entry| variable(entry, namespace)).collect::<Result<_>>()?;
    Ok(Rendered {
        manifests: manifests.join("\n---"),
        service_account: text(&pod["serviceAccountName"], "spec.template.spec.serviceAccountName")?,
        args: list(&container["args"]).iter().map(|arg| text(arg, "args")).collect::<Result<_>>()?,
        env,
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, path: &str) -> Result<String> {
    let found = value.as_str().map(str::to_owned);
    found.ok_or_else(|| Error::new(format!("{path} of the rendered Deployment is no text: {value}")))
}

fn variable(entry: &Value, namespace: &str) -> Result<(String, String)> {
    let name = text(&entry["name"], "env[].name")?;
    let value = match (&entry["value"], entry.pointer("/valueFrom/fieldRef/fieldPath").and_then(Value::as_str)) {
        (_, Some("metadata.namespace")) => namespace.to_owned(),
        (value, None) if value.is_string() => text(value, "env[].value")?,
        _other => return Err(Error::new(format!("{name} of the rendered Deployment exists in a pod only: {entry}"))),
    };
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENDERED: &str = "---\nkind: ServiceAccount\nmetadata: {name: op}\n---\nkind: Deployment\nspec:\n  template:\n    \
        spec:\n      serviceAccountName: op\n      containers:\n        - args: [run, --port=1]\n          env:\n            \
        - {name: A, value: 'b c'}\n            - {name: NS, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}\n\
        ---\nkind: ClusterRole\n";

    #[test]
    fn deployment_is_read_and_everything_else_is_to_be_applied() {
        let rendered = read(RENDERED, "here").unwrap();

        assert_eq!(rendered.args, ["run", "--port=1"]);
        assert_eq!(rendered.service_account, "op");
        let env = [("A", "b c"), ("NS", "here")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(rendered.env, env);
        assert!(rendered.manifests.contains("ServiceAccount") && rendered.manifests.contains("ClusterRole"));
        assert!(!rendered.manifests.contains("Deployment"));
    }

    #[test]
    fn environment_of_a_pod_is_refused_by_name() {
        let rendered = RENDERED.replace("metadata.namespace", "status.podIP");

        assert!(read(&rendered, "here").unwrap_err().to_string().contains("NS"));
    }
}
