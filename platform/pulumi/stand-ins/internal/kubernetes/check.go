package kubernetes

import (
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
	"tinyolly.dev/platform/pulumi/stand-ins/internal/standin"
)

// Check completes the inputs of an object with its name and namespace.
func (s *Server) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	olds, err := read(req.GetOlds())
	if err != nil {
		return nil, err
	}
	news, err := read(req.GetNews())
	if err != nil {
		return nil, err
	}
	kind, err := servedKind(resource.URN(req.GetUrn()).Type().String(), news)
	if err != nil {
		return nil, err
	}

	var failures []*pulumirpc.CheckFailure
	if metadata := object.Metadata(news); metadata != nil {
		if err := complete(metadata, olds, req); err != nil {
			failures = append(failures, &pulumirpc.CheckFailure{Property: "metadata.name", Reason: err.Error()})
		}
		if !metadata["namespace"].HasValue() && s.namespace != "" && s.namespaced(kind) {
			metadata["namespace"] = resource.NewProperty(s.namespace)
		}
	}
	if _, err := waitOf(object.FromProperties(news)); err != nil {
		failures = append(failures, &pulumirpc.CheckFailure{Property: "metadata.annotations", Reason: err.Error()})
	}
	object.MarkSecrets(news, news)

	inputs, err := write(news)
	return &pulumirpc.CheckResponse{Inputs: inputs, Failures: failures}, err
}

// servedKind returns the kind of a resource, or an error when the type is none of Kubernetes' own but one of the many
// that the official plugin adds: lists, patches, Helm releases.
func servedKind(token string, inputs resource.PropertyMap) (schema.GroupVersionKind, error) {
	kind, err := object.KindOf(token)
	if err != nil {
		return kind, err
	}
	given := object.FromProperties(inputs).GetKind()
	patch := given != "" && given != kind.Kind && kind.Kind == given+"Patch"
	list := strings.HasSuffix(kind.Kind, "List") && inputs["items"].HasValue()
	if patch || list || kind.Group == "helm.sh" {
		return kind, standin.Kubernetes.NotServed(fmt.Sprintf("resource type %q", token))
	}
	return kind, nil
}

// complete gives an object without a name the one it had before, or a new one.
func complete(metadata, olds resource.PropertyMap, req *pulumirpc.CheckRequest) error {
	if metadata["generateName"].HasValue() {
		return fmt.Errorf("metadata.generateName does not work with server-side apply; leave the name out to have one made")
	}
	if name, ok := metadata["name"]; ok && !name.IsNull() {
		return nil
	}
	if name, ok := object.Autoname(olds); ok {
		object.SetAutoname(metadata, name)
		return nil
	}
	name, err := newName(req)
	if err == nil {
		object.SetAutoname(metadata, name)
	}
	return err
}

func newName(req *pulumirpc.CheckRequest) (string, error) {
	urn := resource.URN(req.GetUrn())
	if naming := req.GetAutonaming(); naming != nil {
		if naming.GetMode() == pulumirpc.CheckRequest_AutonamingOptions_DISABLE {
			return "", fmt.Errorf("%s needs metadata.name, because automatic names are disabled", urn.Name())
		}
		return naming.GetProposedName(), nil
	}
	return resource.NewUniqueName(req.GetRandomSeed(), urn.Name()+"-", 8, 0, nil)
}

// namespaced takes a kind that the cluster does not know for one whose objects live in namespaces, as most custom
// resources do.
func (s *Server) namespaced(kind schema.GroupVersionKind) bool {
	if s.client == nil {
		return true
	}
	known, namespaced := s.client.Knows(kind)
	return namespaced || !known
}
