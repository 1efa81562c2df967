// Package codegen stands in for a module that no package registry serves. The docker-build provider
// only fills this struct in to publish its schema.
package codegen

// CSharpPackageInfo is the part of the .NET SDK settings that docker-build's schema names.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
