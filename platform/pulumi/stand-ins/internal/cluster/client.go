package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/client-go/util/retry"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

// Client works on objects of any kind in one cluster.
type Client struct {
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

// Connect returns a client for the cluster that settings name, once that cluster has answered. Warnings of the API
// server go to warnings.
func Connect(settings Settings, warnings rest.WarningHandlerWithContext) (*Client, error) {
	config, err := settings.restConfig()
	if err != nil {
		return nil, err
	}
	config.WarningHandlerWithContext = warnings
	// The API server has its own flow control. The client's default of five requests a second only adds waiting.
	config.QPS = -1

	discover, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	if _, err := discover.ServerVersion(); err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discover))
	return &Client{dynamic: objects, mapper: mapper}, nil
}

// Knows says whether the cluster serves a kind, and whether objects of the kind live in namespaces.
func (c *Client) Knows(kind schema.GroupVersionKind) (known, namespaced bool) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return false, false
	}
	return true, mapping.Scope.Name() == meta.RESTScopeNameNamespace
}

// Create makes a new object. A kind that was defined a moment ago gets a few seconds to be served.
func (c *Client) Create(
	ctx context.Context, obj *unstructured.Unstructured, dryRun bool,
) (*unstructured.Unstructured, error) {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		live, err := c.create(ctx, obj, dryRun)
		if !notServedYet(err) || dryRun || attempt == attempts {
			return live, err
		}
		c.mapper.Reset()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (c *Client) create(
	ctx context.Context, obj *unstructured.Unstructured, dryRun bool,
) (*unstructured.Unstructured, error) {
	objects, err := c.resource(obj)
	if err != nil {
		return nil, err
	}
	options := metav1.CreateOptions{FieldManager: object.FieldManager, DryRun: dryRuns(dryRun)}
	return objects.Create(ctx, object.Sent(obj), options)
}

func notServedYet(err error) bool {
	return meta.IsNoMatchError(err) ||
		apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// Apply makes the object's fields as given and removes those that an earlier Create or Apply set and that are gone.
// With force it takes over fields that other managers set to another value.
func (c *Client) Apply(
	ctx context.Context, obj *unstructured.Unstructured, force, dryRun bool,
) (*unstructured.Unstructured, error) {
	objects, err := c.resource(obj)
	if err != nil {
		return nil, err
	}
	if !dryRun {
		adopt := func() error { return adoptCreated(ctx, objects, obj.GetName()) }
		if err := retry.RetryOnConflict(retry.DefaultRetry, adopt); err != nil {
			return nil, err
		}
	}
	options := metav1.ApplyOptions{FieldManager: object.FieldManager, Force: force, DryRun: dryRuns(dryRun)}
	live, err := objects.Apply(ctx, obj.GetName(), object.Sent(obj), options)
	if !apierrors.IsConflict(err) {
		return live, err
	}
	if pardoned, readErr := pardons(ctx, objects, obj.GetName(), err, dryRun); readErr != nil || !pardoned {
		return nil, err
	}
	options.Force = true
	return objects.Apply(ctx, obj.GetName(), object.Sent(obj), options)
}

// pardons says whether a conflict stands in nobody's way. A person's edit with kubectl is drift, not another owner. A dry
// run pardons, as the official plugin does, all conflicts of an object that was not applied since Create, and no others.
func pardons(ctx context.Context, objects dynamic.ResourceInterface, name string, conflict error, dryRun bool) (bool, error) {
	if !dryRun {
		return conflictsOnlyWith(conflict, "kubectl", object.FieldManager), nil
	}
	live, err := objects.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	return onlyCreated(live), nil
}

// onlyCreated says whether the fields that Create set are not yet those of server-side apply.
func onlyCreated(live *unstructured.Unstructured) bool {
	return slices.ContainsFunc(live.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == object.FieldManager && entry.Operation == metav1.ManagedFieldsOperationUpdate
	})
}

// adoptCreated lets server-side apply own the fields that Create set. It would never remove them otherwise.
func adoptCreated(ctx context.Context, objects dynamic.ResourceInterface, name string) error {
	live, err := objects.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New(object.FieldManager), object.FieldManager)
	if err != nil || patch == nil {
		return err
	}
	_, err = objects.Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: object.FieldManager})
	return err
}

// conflictsOnlyWith says whether err is a conflict of server-side apply with managers whose names begin so.
func conflictsOnlyWith(err error, managers ...string) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	conflicts := 0
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		with := func(manager string) bool { return strings.HasPrefix(cause.Message, `conflict with "`+manager) }
		if !slices.ContainsFunc(managers, with) {
			return false
		}
		conflicts++
	}
	return conflicts > 0
}

// Get reads an object.
func (c *Client) Get(ctx context.Context, obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	objects, err := c.resource(obj)
	if err != nil {
		return nil, err
	}
	return objects.Get(ctx, obj.GetName(), metav1.GetOptions{})
}

// IsGone says whether an error means that the object, or its whole kind, is not there any more.
func IsGone(err error) bool {
	return apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
}

// resource returns the endpoint of an object, and puts the object into a namespace or out of one as its kind demands.
func (c *Client) resource(obj *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := obj.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	objects := c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		unstructured.RemoveNestedField(obj.Object, "metadata", "namespace")
		return objects, nil
	}
	if obj.GetNamespace() == "" {
		obj.SetNamespace(metav1.NamespaceDefault)
	}
	return objects.Namespace(obj.GetNamespace()), nil
}

func dryRuns(dryRun bool) []string {
	if dryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}
