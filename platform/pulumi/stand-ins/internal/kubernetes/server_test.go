package kubernetes

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/object"
)

type content = map[string]any

const (
	applicationURN = "urn:pulumi:s::p::kubernetes:argoproj.io/v1alpha1:Application::app"
	secretURN      = "urn:pulumi:s::p::kubernetes:core/v1:Secret::credentials"
)

func application(metadata, spec content) resource.PropertyMap {
	return object.ToProperties(content{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec,
	})
}

func sent(t *testing.T, properties resource.PropertyMap) *structpb.Struct {
	t.Helper()
	written, err := write(properties)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func offline(t *testing.T) *Server {
	t.Helper()
	server := NewServer(nil)
	server.namespace = "fallback"
	t.Cleanup(server.stop)
	return server
}

func check(t *testing.T, urn string, olds, news resource.PropertyMap) (resource.PropertyMap, []*pulumirpc.CheckFailure, error) {
	t.Helper()
	response, err := offline(t).Check(t.Context(), &pulumirpc.CheckRequest{
		Urn: urn, Olds: sent(t, olds), News: sent(t, news), RandomSeed: []byte("seed"),
	})
	if err != nil {
		return nil, nil, err
	}
	inputs, err := read(response.GetInputs())
	if err != nil {
		t.Fatal(err)
	}
	return inputs, response.GetFailures(), nil
}

func TestCheckKeepsANameAndANamespace(t *testing.T) {
	news := application(content{"name": "a", "namespace": "n"}, content{})
	inputs, failures, err := check(t, applicationURN, nil, news)
	if err != nil || len(failures) > 0 || !inputs.DeepEquals(news) {
		t.Errorf("inputs are %v with %v: %v", inputs, failures, err)
	}
}

func TestCheckMakesANameOnceAndKeepsIt(t *testing.T) {
	first, _, err := check(t, applicationURN, nil, application(content{}, content{}))
	if err != nil {
		t.Fatal(err)
	}
	name, autonamed := object.Autoname(first)
	if !autonamed || !strings.HasPrefix(name, "app-") || object.FromProperties(first).GetNamespace() != "fallback" {
		t.Errorf("inputs are %v", first)
	}
	again, _, err := check(t, applicationURN, first, application(content{}, content{}))
	if err != nil || !again.DeepEquals(first) {
		t.Errorf("inputs became %v: %v", again, err)
	}
}

func TestCheckLeavesANameThatIsNotKnownYet(t *testing.T) {
	news := application(content{"name": "x", "namespace": "n"}, content{})
	news["metadata"].ObjectValue()["name"] = resource.MakeComputed(resource.NewProperty(""))
	inputs, _, err := check(t, applicationURN, nil, news)
	if err != nil || !inputs["metadata"].ObjectValue()["name"].IsComputed() {
		t.Errorf("inputs are %v: %v", inputs, err)
	}
}

func TestCheckMakesTheDataOfASecretSecret(t *testing.T) {
	inputs, _, err := check(t, secretURN, nil, object.ToProperties(content{
		"apiVersion": "v1", "kind": "Secret", "metadata": content{"name": "s"}, "stringData": content{"token": "t"},
	}))
	if err != nil || !inputs["stringData"].IsSecret() {
		t.Errorf("inputs are %v: %v", inputs, err)
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for property, metadata := range map[string]content{
		"metadata.name":        {"generateName": "a-"},
		"metadata.annotations": {"name": "a", "annotations": content{waitForAnnotation: "ready"}},
	} {
		_, failures, err := check(t, applicationURN, nil, application(metadata, content{}))
		if err != nil || len(failures) != 1 || failures[0].GetProperty() != property {
			t.Errorf("failures of %s are %v: %v", property, failures, err)
		}
	}
}

func TestTypesThatKubernetesDoesNotHaveAreRefusedWithTheCure(t *testing.T) {
	for token, inputs := range map[string]content{
		"kubernetes:helm.sh/v3:Release":     {},
		"kubernetes:core/v1:NamespacePatch": {"kind": "Namespace"},
		"kubernetes:core/v1:SecretList":     {"kind": "SecretList", "items": []any{}},
	} {
		_, _, err := check(t, "urn:pulumi:s::p::"+token+"::x", nil, object.ToProperties(inputs))
		for _, part := range []string{token, "stand-in", "pulumi plugin install resource kubernetes 4.34.2"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v does not say %q", err, part)
			}
		}
	}
}

func TestDiff(t *testing.T) {
	type answer struct {
		detail              map[string]pulumirpc.PropertyDiff_Kind
		replaces            []string
		deleteBeforeReplace bool
	}
	metadata := content{"name": "a", "namespace": "n"}
	for name, test := range map[string]struct {
		live, olds, news resource.PropertyMap
		ignore           []string
		want             answer
	}{
		"nothing changed": {
			live: application(metadata, content{"project": "p", "added": "by a controller"}),
			olds: application(metadata, content{"project": "p"}),
			news: application(metadata, content{"project": "p"}),
		},
		"an input changed": {
			live: application(metadata, content{"project": "p"}),
			olds: application(metadata, content{"project": "p"}),
			news: application(metadata, content{"project": "q"}),
			want: answer{detail: map[string]pulumirpc.PropertyDiff_Kind{"spec.project": pulumirpc.PropertyDiff_UPDATE}},
		},
		"a refresh saw an edit": {
			live: application(metadata, content{"project": "edited"}),
			olds: application(metadata, content{"project": "edited"}),
			news: application(metadata, content{"project": "p"}),
			want: answer{detail: map[string]pulumirpc.PropertyDiff_Kind{"spec.project": pulumirpc.PropertyDiff_UPDATE}},
		},
		"an ignored input changed": {
			live:   application(metadata, content{"project": "p"}),
			olds:   application(metadata, content{"project": "p"}),
			news:   application(metadata, content{"project": "q"}),
			ignore: []string{"spec"},
		},
		"another name": {
			live: application(metadata, content{}),
			olds: application(metadata, content{}),
			news: application(content{"name": "b", "namespace": "n"}, content{}),
			want: answer{
				detail:   map[string]pulumirpc.PropertyDiff_Kind{"metadata.name": pulumirpc.PropertyDiff_UPDATE_REPLACE},
				replaces: []string{"metadata.name"},
			},
		},
		"data of a Secret of the same name": {
			live: object.ToProperties(content{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": content{"t": "eA=="}}),
			olds: object.ToProperties(content{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content{"t": "x"}}),
			news: object.ToProperties(content{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content{"t": "y"}}),
			want: answer{
				detail:              map[string]pulumirpc.PropertyDiff_Kind{"stringData.t": pulumirpc.PropertyDiff_UPDATE_REPLACE},
				replaces:            []string{"stringData.t"},
				deleteBeforeReplace: true,
			},
		},
		"a guessed namespace of a kind that has none": {
			live: application(content{"name": "a"}, content{}),
			olds: application(content{"name": "a"}, content{}),
			news: application(content{"name": "a", "namespace": "fallback"}, content{}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			state := object.State(object.FromProperties(test.live), test.olds)
			response, err := offline(t).Diff(t.Context(), &pulumirpc.DiffRequest{
				Urn: applicationURN, Olds: sent(t, state), OldInputs: sent(t, test.olds), News: sent(t, test.news),
				IgnoreChanges: test.ignore,
			})
			if err != nil {
				t.Fatal(err)
			}
			got := answer{replaces: response.GetReplaces(), deleteBeforeReplace: response.GetDeleteBeforeReplace()}
			for path, change := range response.GetDetailedDiff() {
				if got.detail == nil {
					got.detail = map[string]pulumirpc.PropertyDiff_Kind{}
				}
				got.detail[path] = change.GetKind()
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("answer is %+v, want %+v", got, test.want)
			}
			if some := response.GetChanges() == pulumirpc.DiffResponse_DIFF_SOME; some != (test.want.detail != nil) {
				t.Errorf("changes are %v", response.GetChanges())
			}
		})
	}
}

func TestWithoutAClusterAPreviewWorksAndAnUpdateDoesNot(t *testing.T) {
	server := offline(t)
	_, err := server.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: sent(t, resource.PropertyMap{
		"kubeconfig": resource.NewProperty(`{"clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:1"}}],` +
			`"contexts":[{"name":"x","context":{"cluster":"c"}}],"current-context":"x"}`),
	})})
	if err != nil {
		t.Fatal(err)
	}
	inputs := sent(t, application(content{"name": "a"}, content{}))
	preview, err := server.Create(t.Context(), &pulumirpc.CreateRequest{Urn: applicationURN, Properties: inputs, Preview: true})
	if err != nil || !reflect.DeepEqual(preview.GetProperties().AsMap(), inputs.AsMap()) {
		t.Errorf("preview is %v: %v", preview, err)
	}
	_, err = server.Create(t.Context(), &pulumirpc.CreateRequest{Urn: applicationURN, Properties: inputs})
	if err == nil || !strings.Contains(err.Error(), "cluster is unreachable") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("error is %v", err)
	}
}

func TestProviderSettingsThatAreNotServedAreRefused(t *testing.T) {
	response, err := offline(t).CheckConfig(t.Context(), &pulumirpc.CheckRequest{News: sent(t, resource.PropertyMap{
		"kubeconfig":            resource.NewProperty("path"),
		"enableServerSideApply": resource.NewProperty("false"),
		"renderYamlToDirectory": resource.NewProperty("out"),
	})})
	if err != nil || len(response.GetFailures()) != 2 {
		t.Errorf("failures are %v: %v", response.GetFailures(), err)
	}
}

func TestTheClusterIdentifierDecidesWhatIsReplaced(t *testing.T) {
	settings := func(pairs ...string) resource.PropertyMap {
		args := resource.PropertyMap{}
		for pair := range slices.Chunk(pairs, 2) {
			args[resource.PropertyKey(pair[0])] = resource.NewProperty(pair[1])
		}
		return args
	}
	for name, test := range map[string]struct {
		olds, news resource.PropertyMap
		want       []string
	}{
		"the same identifier":  {settings("clusterIdentifier", "a", "context", "x"), settings("clusterIdentifier", "a", "context", "y"), nil},
		"another identifier":   {settings("clusterIdentifier", "a"), settings("clusterIdentifier", "b"), []string{"clusterIdentifier"}},
		"none, other clusters": {settings("kubeconfig", "x", "namespace", "n"), settings("kubeconfig", "y"), []string{"kubeconfig"}},
		"none, same cluster":   {settings("namespace", "n"), settings("namespace", "m"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := offline(t).DiffConfig(t.Context(), &pulumirpc.DiffRequest{
				Olds: sent(t, test.olds), News: sent(t, test.news),
			})
			if err != nil || !reflect.DeepEqual(response.GetReplaces(), test.want) {
				t.Errorf("replaces are %v, want %v: %v", response.GetReplaces(), test.want, err)
			}
		})
	}
}

func TestTheTimeoutOfTheResourceOptionsWins(t *testing.T) {
	obj := &unstructured.Unstructured{Object: content{}}
	obj.SetAnnotations(map[string]string{timeoutAnnotation: "30"})
	asked, err := waitOf(obj)
	if err != nil {
		t.Fatal(err)
	}
	for custom, want := range map[float64]time.Duration{0: 30 * time.Second, 90: 90 * time.Second} {
		ctx, cancel := asked.within(t.Context(), custom)
		defer cancel()
		deadline, _ := ctx.Deadline()
		if left := time.Until(deadline); left > want || left < want-time.Second {
			t.Errorf("%s are left of %s", left, want)
		}
	}
}

func TestAnnotationsThatCannotBeReadAreErrors(t *testing.T) {
	for annotation, text := range map[string]string{
		waitForAnnotation: "ready", timeoutAnnotation: "5s", propagationAnnotation: "sideways",
	} {
		obj := &unstructured.Unstructured{Object: content{}}
		obj.SetAnnotations(map[string]string{annotation: text})
		if _, err := waitOf(obj); err == nil || !strings.Contains(err.Error(), annotation) {
			t.Errorf("error of %s is %v", annotation, err)
		}
	}
}
