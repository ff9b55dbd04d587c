//go:build tools

// Package tools keeps the program that is built here among the requirements of this module.
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
