package object

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// KindOf reads a type token such as `kubernetes:apps/v1:Deployment`; the core group is spelled `core`.
func KindOf(token string) (schema.GroupVersionKind, error) {
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return schema.GroupVersionKind{}, fmt.Errorf("%q is not a type token of the form kubernetes:<group>/<version>:<Kind>", token)
	}
	groupVersion, err := schema.ParseGroupVersion(strings.TrimPrefix(parts[1], "core/"))
	if err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("type token %q: %w", token, err)
	}
	return groupVersion.WithKind(parts[2]), nil
}

// New returns an object with nothing but its kind and identity.
func New(kind schema.GroupVersionKind, id string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	obj.SetGroupVersionKind(kind)
	namespace, name := ParseID(id)
	obj.SetName(name)
	if namespace != "" {
		obj.SetNamespace(namespace)
	}
	return obj
}
