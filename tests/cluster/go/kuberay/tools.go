//go:build tools

// Package tools pins the KubeRay operator, whose libraries are older than those of Kubernetes.
package tools

import (
	_ "github.com/ray-project/kuberay/ray-operator"
)
