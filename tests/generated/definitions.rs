//! The definitions, plain and as templates of the chart.
//!
//! Must not change what a definition says.

use crate::Artefact;

/// `crds/`, with a kustomization so that it can be applied as it is.
pub(crate) fn files() -> Vec<Artefact> {
    let mut files: Vec<Artefact> = api::all_crds()
        .iter()
        .map(|crd| Artefact::new(format!("crds/{}.yaml", crd.spec.names.plural), api::to_yaml(crd).unwrap()))
        .collect();
    let names: Vec<String> = files.iter().map(|file| format!("  - {}\n", file.path.replace("crds/", ""))).collect();
    let head =
        format!("# {}\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n", api::GENERATED);
    files.push(Artefact::new("crds/kustomization.yaml", head + &names.concat()));
    files
}

/// The chart's templates: installed by choice, kept at an uninstall by choice.
pub(crate) fn templates() -> Vec<Artefact> {
    let folder = "charts/azureml-compute-operator/templates/crds";
    let template = |text: String| {
        assert!(!text.contains("{{"), "a definition would be read as a template");
        let metadata = "metadata:\n";
        assert_eq!(text.matches(&format!("\n{metadata}")).count(), 1, "where the annotations go");
        let annotations = "  {{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n  \
                           labels:\n    {{- include \"operator.labels\" . | nindent 4 }}\n";
        let text = text.replacen(metadata, &format!("{metadata}{annotations}"), 1);
        format!("{{{{- if .Values.crds.install }}}}\n{text}{{{{- end }}}}\n")
    };
    api::all_crds()
        .iter()
        .map(|crd| (crd.spec.names.plural.clone(), template(api::to_yaml(crd).unwrap())))
        .map(|(plural, text)| Artefact::new(format!("{folder}/{plural}.yaml"), text))
        .collect()
}
