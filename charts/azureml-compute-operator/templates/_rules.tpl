{{/* Generated from code by `make generate`. Do not edit. */}}

{{/* What is needed in every namespace that is served. */}}
{{- define "operator.namespacedRules" -}}
- apiGroups:
  - compute.azureml.dev
  resources:
  - attachedcomputes
  - azureidentities
  - computeclusters
  - computeinstances
  - workspaces
  verbs:
  - get
  - list
  - watch
  - patch
- apiGroups:
  - compute.azureml.dev
  resources:
  - attachedcomputes/status
  - azureidentities/status
  - computeclusters/status
  - computeinstances/status
  - workspaces/status
  verbs:
  - patch
- apiGroups:
  - events.k8s.io
  resources:
  - events
  verbs:
  - create
  - patch
- apiGroups:
  - rbac.authorization.k8s.io
  resourceNames:
  - azureml-compute-operator-secrets
  resources:
  - roles
  - rolebindings
  verbs:
  - get
  - patch
{{- end }}

{{/* What is needed once in the cluster. */}}
{{- define "operator.clusterRules" -}}
- apiGroups:
  - apiextensions.k8s.io
  resourceNames:
  - attachedcomputes.compute.azureml.dev
  - azureidentities.compute.azureml.dev
  - computeclusters.compute.azureml.dev
  - computeinstances.compute.azureml.dev
  - workspaces.compute.azureml.dev
  resources:
  - customresourcedefinitions
  verbs:
  - get
{{- end }}

{{/* What is needed on named Secrets; the context has secretNames. */}}
{{- define "operator.secretRules" -}}
- apiGroups:
  - ""
  resourceNames:
  {{- toYaml .secretNames | nindent 2 }}
  resources:
  - secrets
  verbs:
  - get
  - watch
  - patch
{{- end }}

{{/* What is needed on named ConfigMaps; the context has configMapNames. */}}
{{- define "operator.configMapRules" -}}
- apiGroups:
  - ""
  resourceNames:
  {{- toYaml .configMapNames | nindent 2 }}
  resources:
  - configmaps
  verbs:
  - get
  - watch
{{- end }}

{{/* What is needed in the namespace the operator runs in. */}}
{{- define "operator.ownRules" -}}
- apiGroups:
  - ""
  resourceNames:
  - azureml-compute-operator-fingerprint-key
  resources:
  - secrets
  verbs:
  - get
- apiGroups:
  - ""
  resources:
  - secrets
  verbs:
  - create
{{- end }}

{{/* What people who may view a namespace may do. */}}
{{- define "operator.viewRules" -}}
- apiGroups:
  - compute.azureml.dev
  resources:
  - attachedcomputes
  - azureidentities
  - computeclusters
  - computeinstances
  - workspaces
  verbs:
  - get
  - list
  - watch
{{- end }}

{{/* What people who may edit a namespace may do. */}}
{{- define "operator.editRules" -}}
- apiGroups:
  - compute.azureml.dev
  resources:
  - attachedcomputes
  - azureidentities
  - computeclusters
  - computeinstances
  - workspaces
  verbs:
  - create
  - delete
  - deletecollection
  - get
  - list
  - patch
  - update
  - watch
{{- end }}

{{/* Name of the Role and RoleBinding that lend Secrets: fixed, because the operator looks for it. */}}
{{- define "operator.secretAccess" -}}
azureml-compute-operator-secrets
{{- end }}

{{/* Name of the Role and RoleBinding that lend ConfigMaps. */}}
{{- define "operator.configMapAccess" -}}
azureml-compute-operator-configmaps
{{- end }}
