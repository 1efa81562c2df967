package difference

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// identity is what no object can change.
var identity = []resource.PropertyPath{{"metadata", "name"}, {"metadata", "namespace"}}

// immutable are the fields that the API server, or the official plugin's habit, does not let change in place.
var immutable = map[schema.GroupKind][]resource.PropertyPath{
	{Kind: "ConfigMap"}: {{"data"}, {"binaryData"}},
	{Kind: "Secret"}:    {{"type"}, {"data"}, {"stringData"}},
	{Kind: "Service"}:   {{"spec", "clusterIP"}},
	{Kind: "PersistentVolumeClaim"}: {
		{"spec", "accessModes"}, {"spec", "selector"}, {"spec", "storageClassName"}, {"spec", "volumeName"},
	},
	{Group: "apps", Kind: "DaemonSet"}:  {{"spec", "selector"}},
	{Group: "apps", Kind: "Deployment"}: {{"spec", "selector"}},
	{Group: "apps", Kind: "StatefulSet"}: {
		{"spec", "podManagementPolicy"}, {"spec", "selector"}, {"spec", "serviceName"}, {"spec", "volumeClaimTemplates"},
	},
	{Group: "batch", Kind: "Job"}:                                    {{"spec", "completions"}, {"spec", "selector"}, {"spec", "template"}},
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: {{"roleRef"}},
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        {{"roleRef"}},
	{Group: "storage.k8s.io", Kind: "StorageClass"}:                  {{"parameters"}, {"provisioner"}},
}

// Replaces says whether a change means a new object in place of the old one. The data of a ConfigMap or Secret counts
// as immutable unless mutableData is set.
func Replaces(kind schema.GroupKind, change Change, mutableData bool) bool {
	fixed := immutable[kind]
	if mutableData {
		switch kind {
		case schema.GroupKind{Kind: "ConfigMap"}:
			fixed = nil
		case schema.GroupKind{Kind: "Secret"}:
			fixed = []resource.PropertyPath{{"type"}}
		}
	}
	return within(identity, change.Path) || within(fixed, change.Path)
}

func within(fixed []resource.PropertyPath, path resource.PropertyPath) bool {
	for _, field := range fixed {
		if field.Contains(path) {
			return true
		}
	}
	return false
}
