//go:build tools

// Package charts pins the programs that build.sh builds to check charts and manifests; it must not hold code.
package charts

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "helm.sh/helm/v4/cmd/helm"
)
