// Package java stands in for a module that no package registry serves. The docker-build provider
// only fills this struct in to publish its schema.
package java

// PackageInfo is the part of the Java SDK settings that docker-build's schema names.
type PackageInfo struct {
	BuildFiles                      string            `json:"buildFiles,omitempty"`
	GradleNexusPublishPluginVersion string            `json:"gradleNexusPublishPluginVersion,omitempty"`
	Dependencies                    map[string]string `json:"dependencies,omitempty"`
}
