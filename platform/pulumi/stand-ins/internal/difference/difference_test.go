package difference

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

type object = map[string]any

func TestBetween(t *testing.T) {
	for name, test := range map[string]struct {
		olds, news object
		want       map[string]Kind
	}{
		"equal objects":               {object{"a": object{"b": 1.0}}, object{"a": object{"b": 1.0}}, nil},
		"a changed value":             {object{"a": object{"b": "x"}}, object{"a": object{"b": "y"}}, map[string]Kind{"a.b": Update}},
		"a new map, as a whole":       {object{}, object{"a": object{"b": 1.0}}, map[string]Kind{"a": Add}},
		"a removed map, as a whole":   {object{"a": object{"b": 1.0}}, object{}, map[string]Kind{"a": Delete}},
		"null is missing":             {object{"a": nil}, object{"b": nil}, nil},
		"a key that is no name":       {object{"a": object{"x/y": "1"}}, object{"a": object{"x/y": "2"}}, map[string]Kind{`a["x/y"]`: Update}},
		"a longer list":               {object{"a": []any{"x"}}, object{"a": []any{"x", "y"}}, map[string]Kind{"a[1]": Add}},
		"a shorter list":              {object{"a": []any{"x", "y"}}, object{"a": []any{"x"}}, map[string]Kind{"a[1]": Delete}},
		"an item of a list":           {object{"a": []any{object{"b": "x"}}}, object{"a": []any{object{"b": "y"}}}, map[string]Kind{"a[0].b": Update}},
		"another type":                {object{"a": object{}}, object{"a": "x"}, map[string]Kind{"a": Update}},
		"an empty map is not missing": {object{}, object{"a": object{}}, map[string]Kind{"a": Add}},
	} {
		t.Run(name, func(t *testing.T) {
			var got map[string]Kind
			for _, change := range Between(test.olds, test.news) {
				if got == nil {
					got = map[string]Kind{}
				}
				got[change.Path.String()] = change.Kind
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("changes are %v, want %v", got, test.want)
			}
		})
	}
}

func TestReplaces(t *testing.T) {
	application := schema.GroupKind{Group: "argoproj.io", Kind: "Application"}
	secret := schema.GroupKind{Kind: "Secret"}
	for name, test := range map[string]struct {
		kind    schema.GroupKind
		path    []any
		mutable bool
		want    bool
	}{
		"a name":                        {application, []any{"metadata", "name"}, false, true},
		"a namespace":                   {application, []any{"metadata", "namespace"}, false, true},
		"an annotation":                 {application, []any{"metadata", "annotations", "a"}, false, false},
		"a spec":                        {application, []any{"spec", "project"}, false, false},
		"data of a Secret":              {secret, []any{"data", "token"}, false, true},
		"stringData of a Secret":        {secret, []any{"stringData", "token"}, false, true},
		"mutable data of a Secret":      {secret, []any{"data", "token"}, true, false},
		"the type of a mutable Secret":  {secret, []any{"type"}, true, true},
		"a Secret of another API group": {schema.GroupKind{Group: "x.io", Kind: "Secret"}, []any{"data"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Replaces(test.kind, Change{Path: test.path}, test.mutable); got != test.want {
				t.Errorf("replaces is %v, want %v", got, test.want)
			}
		})
	}
}
