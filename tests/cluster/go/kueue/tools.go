//go:build tools

// Package tools pins Kueue.
package tools

import (
	_ "sigs.k8s.io/kueue/cmd/kueue"
)
