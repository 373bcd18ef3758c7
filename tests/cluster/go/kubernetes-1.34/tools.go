//go:build tools

// Package tools pins the servers of the oldest Kubernetes that is supported.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
)
