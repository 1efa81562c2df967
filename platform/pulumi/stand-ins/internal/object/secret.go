package object

import (
	"encoding/base64"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var secretKind = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}

// MarkSecrets makes secret in properties what is secret in inputs, and all data of a Kubernetes Secret.
func MarkSecrets(properties, inputs resource.PropertyMap) {
	if isSecret(properties) {
		for _, key := range []resource.PropertyKey{"data", "stringData"} {
			if data, ok := properties[key]; ok && !data.IsSecret() {
				properties[key] = resource.MakeSecret(data)
			}
		}
	}
	for key, input := range inputs {
		property, ok := properties[key]
		switch {
		case !ok || property.IsSecret():
		case property.IsObject() && input.IsObject():
			MarkSecrets(property.ObjectValue(), input.ObjectValue())
		case input.ContainsSecrets():
			properties[key] = resource.MakeSecret(property)
		}
	}
}

// isSecret also finds a Secret that is an item of a list or a field of another object.
func isSecret(properties resource.PropertyMap) bool {
	kind, version := properties["kind"], properties["apiVersion"]
	return kind.IsString() && kind.StringValue() == secretKind.Kind &&
		version.IsString() && version.StringValue() == secretKind.Version
}

// Sent returns the object as it goes to the API server. The stringData of a Secret is sent as data, because server-side
// apply keeps no record of who set the data that the server derives from stringData, and so never removes any.
func Sent(obj *unstructured.Unstructured) *unstructured.Unstructured {
	sent := obj.DeepCopy()
	text, ok := sent.Object["stringData"].(map[string]any)
	if !ok || sent.GroupVersionKind() != secretKind {
		return sent
	}
	data, ok := sent.Object["data"].(map[string]any)
	if !ok {
		data = map[string]any{}
	}
	for key, value := range text {
		if value, ok := value.(string); ok {
			data[key] = base64.StdEncoding.EncodeToString([]byte(value))
		}
	}
	delete(sent.Object, "stringData")
	sent.Object["data"] = data
	return sent
}

// withStringData returns the live content of a Secret with those entries of its data as stringData that the inputs wrote
// that way, so that the two can be compared.
func withStringData(live, inputs map[string]any) map[string]any {
	text, hasText := inputs["stringData"].(map[string]any)
	data, hasData := live["data"].(map[string]any)
	obj := unstructured.Unstructured{Object: inputs}
	if !hasText || !hasData || obj.GroupVersionKind() != secretKind {
		return live
	}
	decoded := map[string]any{}
	for key := range text {
		if encoded, ok := data[key].(string); ok {
			if value, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				decoded[key] = string(value)
			}
		}
	}
	shown := map[string]any{}
	for key, value := range live {
		shown[key] = value
	}
	shown["stringData"] = decoded
	return shown
}
