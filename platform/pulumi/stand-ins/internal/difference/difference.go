// Package difference compares an object as it is with the object that a program asks for.
package difference

import (
	"maps"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Kind is what happens to a field.
type Kind int

// The kinds of change.
const (
	Add Kind = iota
	Update
	Delete
)

// Change is one field that is not as the program asks for.
type Change struct {
	Path resource.PropertyPath
	Kind Kind
}

// Between returns the changes that make oldContent into newContent, parents before children and in order of their keys.
// A field that is null is the same as one that is missing.
func Between(oldContent, newContent map[string]any) []Change {
	return inMaps(nil, oldContent, newContent)
}

func inMaps(path resource.PropertyPath, olds, news map[string]any) []Change {
	keys := maps.Clone(olds)
	if keys == nil {
		keys = map[string]any{}
	}
	maps.Copy(keys, news)

	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		changes = append(changes, inValues(below(path, key), olds[key], news[key])...)
	}
	return changes
}

func inLists(path resource.PropertyPath, olds, news []any) []Change {
	var changes []Change
	for i := range max(len(olds), len(news)) {
		var oldItem, newItem any
		if i < len(olds) {
			oldItem = olds[i]
		}
		if i < len(news) {
			newItem = news[i]
		}
		changes = append(changes, inValues(below(path, i), oldItem, newItem)...)
	}
	return changes
}

func inValues(path resource.PropertyPath, oldValue, newValue any) []Change {
	switch {
	case oldValue == nil && newValue == nil:
		return nil
	case oldValue == nil:
		return []Change{{path, Add}}
	case newValue == nil:
		return []Change{{path, Delete}}
	}
	switch newValue := newValue.(type) {
	case map[string]any:
		if oldValue, ok := oldValue.(map[string]any); ok {
			return inMaps(path, oldValue, newValue)
		}
	case []any:
		if oldValue, ok := oldValue.([]any); ok {
			return inLists(path, oldValue, newValue)
		}
	}
	if reflect.DeepEqual(oldValue, newValue) {
		return nil
	}
	return []Change{{path, Update}}
}

func below(path resource.PropertyPath, key any) resource.PropertyPath {
	return append(slices.Clone(path), key)
}
