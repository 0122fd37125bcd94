//go:build tools

// Package tools names what is built here, so that `go mod tidy` keeps what it needs.
package tools

import (
	_ "github.com/opencontainers/runc"
)
