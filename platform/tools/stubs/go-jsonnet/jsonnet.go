// Package jsonnet stands for Jsonnet, whose library takes longer to compile than all else of a repo server: nothing here is deployed
// from such files, and one that is meets an error.
package jsonnet

import "errors"

var errLeftOut = errors.New("this build of Argo CD has no Jsonnet")

// VM would evaluate files.
type VM struct{}

// MakeVM makes one.
func MakeVM() *VM { return &VM{} }

// ExtCode is ignored.
func (*VM) ExtCode(_, _ string) {}

// ExtVar is ignored.
func (*VM) ExtVar(_, _ string) {}

// TLACode is ignored.
func (*VM) TLACode(_, _ string) {}

// TLAVar is ignored.
func (*VM) TLAVar(_, _ string) {}

// Importer is ignored.
func (*VM) Importer(Importer) {}

// EvaluateFile fails.
func (*VM) EvaluateFile(string) (string, error) { return "", errLeftOut }

// Importer would read files.
type Importer interface {
	Import(importedFrom, importedPath string) (contents Contents, foundAt string, err error)
}

// FileImporter would read them below JPaths.
type FileImporter struct {
	JPaths []string
}

// Import fails.
func (*FileImporter) Import(_, _ string) (Contents, string, error) {
	return Contents{}, "", errLeftOut
}

// Contents would be those of a file.
type Contents struct{}

// Version tells of no version.
func Version() string { return "none" }
