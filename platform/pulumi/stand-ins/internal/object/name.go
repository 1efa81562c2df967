package object

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const autonamed = "pulumi.com/autonamed"

// ID returns the identity of an object inside its kind: `namespace/name`, or `name` where there is no namespace.
func ID(obj *unstructured.Unstructured) string {
	if namespace := obj.GetNamespace(); namespace != "" {
		return namespace + "/" + obj.GetName()
	}
	return obj.GetName()
}

// ParseID splits what ID joined.
func ParseID(id string) (namespace, name string) {
	if namespace, name, ok := strings.Cut(id, "/"); ok {
		return namespace, name
	}
	return "", id
}

// Metadata returns the metadata among properties, made when there is none, or nil when it is not known yet.
func Metadata(properties resource.PropertyMap) resource.PropertyMap {
	metadata, ok := properties["metadata"]
	if !ok || metadata.IsNull() {
		metadata = resource.NewProperty(resource.PropertyMap{})
		properties["metadata"] = metadata
	}
	if metadata.IsSecret() {
		metadata = metadata.SecretValue().Element
	}
	if !metadata.IsObject() {
		return nil
	}
	return metadata.ObjectValue()
}

// SetAutoname names an object that its program leaves without a name, and notes on it that Pulumi did so.
func SetAutoname(metadata resource.PropertyMap, name string) {
	metadata["name"] = resource.NewProperty(name)
	annotations := metadata["annotations"]
	if !annotations.IsObject() {
		annotations = resource.NewProperty(resource.PropertyMap{})
		metadata["annotations"] = annotations
	}
	annotations.ObjectValue()[autonamed] = resource.NewProperty("true")
}

// Autoname returns the name that SetAutoname gave.
func Autoname(inputs resource.PropertyMap) (string, bool) {
	obj := FromProperties(inputs)
	return obj.GetName(), obj.GetAnnotations()[autonamed] == "true"
}
