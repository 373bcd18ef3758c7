//go:build tools

// Package tools pins the tools that render and sync what runs in a cluster.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
)
