// Package object translates between Pulumi's property maps and Kubernetes objects.
package object

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// FromProperties returns the object that the properties describe, without what Pulumi adds to them. Secrets become
// plain values; unknown values stay as [resource.Computed].
func FromProperties(properties resource.PropertyMap) *unstructured.Unstructured {
	content := properties.MapRepl(dashed, plain)
	for _, key := range []string{inputsKey, apiVersionKey, fieldManagerKey} {
		delete(content, key)
	}
	return &unstructured.Unstructured{Object: content}
}

// ToProperties returns the content of an object as properties.
func ToProperties(content map[string]any) resource.PropertyMap {
	return resource.NewPropertyMapFromMapRepl(content, underscored, nil)
}

func plain(value resource.PropertyValue) (any, bool) {
	if value.IsSecret() {
		return value.SecretValue().Element.MapRepl(dashed, plain), true
	}
	return nil, false
}

// The typed SDKs spell the x-kubernetes-* fields of a CustomResourceDefinition with underscores.
func dashed(key string) (string, bool) {
	if strings.HasPrefix(key, "x_kubernetes_") {
		return strings.ReplaceAll(key, "_", "-"), true
	}
	return "", false
}

func underscored(key string) (resource.PropertyKey, bool) {
	if strings.HasPrefix(key, "x-kubernetes-") {
		return resource.PropertyKey(strings.ReplaceAll(key, "-", "_")), true
	}
	return "", false
}
