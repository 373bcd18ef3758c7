//go:build tools

// Package tools pins the Argo CD that the tests sync with.
package tools

import (
	_ "github.com/argoproj/argo-cd/v3/cmd"
)
