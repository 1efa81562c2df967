package object

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// FieldManager is the name under which the API server records the fields that Pulumi sets.
const FieldManager = "pulumi-kubernetes"

// The official plugin keeps these beside the object. With them a stack can change from one plugin to the other.
const (
	inputsKey       = "__inputs"
	apiVersionKey   = "__initialApiVersion"
	fieldManagerKey = "__fieldManager"
)

// State returns what the stack keeps of an object: its live content, its inputs, and secret what was secret before.
func State(live *unstructured.Unstructured, inputs resource.PropertyMap) resource.PropertyMap {
	live = live.DeepCopy()
	unstructured.RemoveNestedField(live.Object, "metadata", "managedFields")

	state := ToProperties(live.Object)
	MarkSecrets(state, inputs)
	state[inputsKey] = resource.NewProperty(inputs)
	state[apiVersionKey] = resource.NewProperty(live.GetAPIVersion())
	state[fieldManagerKey] = resource.NewProperty(FieldManager)
	return state
}

// Inputs returns the inputs that State has kept.
func Inputs(state resource.PropertyMap) resource.PropertyMap {
	inputs := state[inputsKey]
	if inputs.IsSecret() {
		inputs = inputs.SecretValue().Element
	}
	if !inputs.IsObject() {
		return resource.PropertyMap{}
	}
	return inputs.ObjectValue()
}
