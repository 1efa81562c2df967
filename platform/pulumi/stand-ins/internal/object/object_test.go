package object

import (
	"reflect"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type content = map[string]any

func secret(fields content) *unstructured.Unstructured {
	obj := content{"apiVersion": "v1", "kind": "Secret", "metadata": content{"name": "s", "namespace": "n"}}
	for key, value := range fields {
		obj[key] = value
	}
	return &unstructured.Unstructured{Object: obj}
}

func TestPruneKeepsWhatTheInputsSpeakOf(t *testing.T) {
	for name, test := range map[string]struct{ live, inputs, want content }{
		"a field of the server's": {content{"spec": content{"a": 1, "b": 2}}, content{"spec": content{"a": 0}}, content{"spec": content{"a": 1}}},
		"a field that went":       {content{"spec": content{}}, content{"spec": content{"a": 0}}, content{"spec": content{}}},
		"an empty map that went":  {content{}, content{"labels": content{}}, content{"labels": content{}}},
		"items of a list": {
			content{"l": []any{content{"a": 1, "b": 2}, content{"c": 3}}},
			content{"l": []any{content{"a": 0}}},
			content{"l": []any{content{"a": 1}, content{"c": 3}}},
		},
		"stringData of a Secret": {
			secret(content{"data": content{"token": "b3RoZXI=", "more": "eA=="}}).Object,
			content{"apiVersion": "v1", "kind": "Secret", "stringData": content{"token": "mine"}},
			content{"apiVersion": "v1", "kind": "Secret", "stringData": content{"token": "other"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Prune(test.live, test.inputs); !reflect.DeepEqual(got, test.want) {
				t.Errorf("pruned to %v, want %v", got, test.want)
			}
		})
	}
}

func TestStringDataIsSentAsData(t *testing.T) {
	obj := secret(content{"data": content{"a": "YQ=="}, "stringData": content{"b": "b"}})
	sent := Sent(obj)
	if want := (content{"a": "YQ==", "b": "Yg=="}); !reflect.DeepEqual(sent.Object["data"], want) || sent.Object["stringData"] != nil {
		t.Errorf("sent %v", sent.Object)
	}
	if obj.Object["stringData"] == nil {
		t.Error("the object itself was changed")
	}
}

func TestStateKeepsSecretsSecret(t *testing.T) {
	inputs := ToProperties(secret(content{"stringData": content{"token": "t"}}).Object)
	inputs["spec"] = resource.NewProperty(resource.PropertyMap{
		"password": resource.MakeSecret(resource.NewProperty("p")), "user": resource.NewProperty("u"),
	})
	live := secret(content{"data": content{"token": "dA=="}, "spec": content{"password": "p", "user": "u"}})

	state := State(live, inputs)
	spec := state["spec"].ObjectValue()
	if !state["data"].IsSecret() || !spec["password"].IsSecret() || spec["user"].IsSecret() {
		t.Errorf("state is %v", state)
	}
}

func TestStateLeavesOutManagedFieldsAndCanBeReadBack(t *testing.T) {
	live := secret(nil)
	inputs := ToProperties(live.Object)
	live.SetManagedFields(nil)
	if err := unstructured.SetNestedSlice(live.Object, []any{content{"manager": "m"}}, "metadata", "managedFields"); err != nil {
		t.Fatal(err)
	}
	if got := FromProperties(State(live, inputs)); !reflect.DeepEqual(got, secret(nil)) {
		t.Errorf("read back %v", got)
	}
}

func TestExtensionFieldsOfSchemasKeepTheirSpelling(t *testing.T) {
	inputs := resource.PropertyMap{"schema": resource.NewProperty(resource.PropertyMap{
		"x_kubernetes_preserve_unknown_fields": resource.NewProperty(true), "x_other": resource.NewProperty("o"),
	})}
	want := content{"schema": content{"x-kubernetes-preserve-unknown-fields": true, "x_other": "o"}}
	obj := FromProperties(inputs)
	if !reflect.DeepEqual(obj.Object, want) {
		t.Errorf("object is %v, want %v", obj.Object, want)
	}
	if back := ToProperties(obj.Object); !back.DeepEquals(inputs) {
		t.Errorf("properties are %v, want %v", back, inputs)
	}
}

func TestKindOf(t *testing.T) {
	for token, want := range map[string]string{
		"kubernetes:core/v1:Secret":                   "/v1, Kind=Secret",
		"kubernetes:apps/v1:Deployment":               "apps/v1, Kind=Deployment",
		"kubernetes:argoproj.io/v1alpha1:Application": "argoproj.io/v1alpha1, Kind=Application",
	} {
		if kind, err := KindOf(token); err != nil || kind.String() != want {
			t.Errorf("%s is %s, want %s: %v", token, kind, want, err)
		}
	}
	if _, err := KindOf("kubernetes:Secret"); err == nil {
		t.Error("a token of two parts is taken")
	}
}

func TestID(t *testing.T) {
	for id, want := range map[string][2]string{"n/s": {"n", "s"}, "s": {"", "s"}} {
		namespace, name := ParseID(id)
		if namespace != want[0] || name != want[1] {
			t.Errorf("%s is %q in %q", id, name, namespace)
		}
		kind, _ := KindOf("kubernetes:core/v1:Secret")
		if got := ID(New(kind, id)); got != id {
			t.Errorf("ID is %q, want %q", got, id)
		}
	}
}
