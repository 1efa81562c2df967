package kubernetes

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/difference"
	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

// Diff compares the part of the recorded object that the recorded inputs speak of with the new inputs.
func (s *Server) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	state, err := read(req.GetOlds())
	if err != nil {
		return nil, err
	}
	oldInputs, err := read(req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	newInputs, err := read(req.GetNews())
	if err != nil {
		return nil, err
	}
	ignored, err := paths(req.GetIgnoreChanges())
	if err != nil {
		return nil, err
	}

	live, news := object.FromProperties(state), object.FromProperties(newInputs)
	olds := &unstructured.Unstructured{Object: object.Prune(live.Object, object.FromProperties(oldInputs).Object)}
	if live.GetNamespace() == "" {
		// Check guesses a namespace for kinds it does not know. The object itself knows better.
		unstructured.RemoveNestedField(olds.Object, "metadata", "namespace")
		unstructured.RemoveNestedField(news.Object, "metadata", "namespace")
	}

	response := &pulumirpc.DiffResponse{
		Changes:         pulumirpc.DiffResponse_DIFF_NONE,
		HasDetailedDiff: true,
		DetailedDiff:    map[string]*pulumirpc.PropertyDiff{},
	}
	kind := live.GroupVersionKind().GroupKind()
	for _, change := range difference.Between(olds.Object, news.Object) {
		if contains(ignored, change.Path) {
			continue
		}
		path := change.Path.String()
		replaces := difference.Replaces(kind, change, s.options.mutableData(kind.Kind))
		response.Changes = pulumirpc.DiffResponse_DIFF_SOME
		response.DetailedDiff[path] = &pulumirpc.PropertyDiff{Kind: detail(change.Kind, replaces)}
		if replaces {
			response.Replaces = append(response.Replaces, path)
		}
	}
	_, autonamed := object.Autoname(newInputs)
	response.DeleteBeforeReplace = len(response.Replaces) > 0 && !autonamed && object.ID(news) == object.ID(live)
	return response, nil
}

func detail(kind difference.Kind, replaces bool) pulumirpc.PropertyDiff_Kind {
	kinds := map[difference.Kind][2]pulumirpc.PropertyDiff_Kind{
		difference.Add:    {pulumirpc.PropertyDiff_ADD, pulumirpc.PropertyDiff_ADD_REPLACE},
		difference.Update: {pulumirpc.PropertyDiff_UPDATE, pulumirpc.PropertyDiff_UPDATE_REPLACE},
		difference.Delete: {pulumirpc.PropertyDiff_DELETE, pulumirpc.PropertyDiff_DELETE_REPLACE},
	}
	if replaces {
		return kinds[kind][1]
	}
	return kinds[kind][0]
}

func paths(texts []string) ([]resource.PropertyPath, error) {
	parsed := make([]resource.PropertyPath, len(texts))
	for i, text := range texts {
		path, err := resource.ParsePropertyPath(text)
		if err != nil {
			return nil, err
		}
		parsed[i] = path
	}
	return parsed, nil
}

func contains(paths []resource.PropertyPath, path resource.PropertyPath) bool {
	for _, candidate := range paths {
		if candidate.Contains(path) {
			return true
		}
	}
	return false
}
