package kubernetes

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/cluster"
)

// options are the inputs of a provider resource.
type options struct {
	cluster.Settings
	patchForce        bool
	mutableConfigMaps bool
	mutableSecrets    bool
	upsert            bool
	deleteUnreachable bool
}

func readOptions(args resource.PropertyMap) options {
	return options{
		Settings: cluster.Settings{
			Kubeconfig: text(args, "kubeconfig"),
			Context:    text(args, "context"),
			Cluster:    text(args, "cluster"),
			Namespace:  text(args, "namespace"),
		},
		patchForce:        flag(args, "enablePatchForce"),
		mutableConfigMaps: flag(args, "enableConfigMapMutable"),
		mutableSecrets:    flag(args, "enableSecretMutable"),
		upsert:            flag(args, "upsertExistingObjects"),
		deleteUnreachable: flag(args, "deleteUnreachable"),
	}
}

func (o options) mutableData(kind string) bool {
	return kind == "ConfigMap" && o.mutableConfigMaps || kind == "Secret" && o.mutableSecrets
}

func text(args resource.PropertyMap, key resource.PropertyKey) string {
	value := plain(args[key])
	if !value.IsString() {
		return ""
	}
	return value.StringValue()
}

// flag reads a boolean. Provider inputs that are not strings arrive as JSON.
func flag(args resource.PropertyMap, key resource.PropertyKey) bool {
	value := plain(args[key])
	return value.IsBool() && value.BoolValue() || value.IsString() && value.StringValue() == "true"
}

func plain(value resource.PropertyValue) resource.PropertyValue {
	if value.IsSecret() {
		return value.SecretValue().Element
	}
	return value
}
