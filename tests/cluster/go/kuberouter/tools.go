//go:build tools

// Package tools pins kube-router, which makes a node obey network policies. Its libraries are older
// than those of Kubernetes.
package tools

import (
	_ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
)
