// Package condition reads the pulumi.com/waitFor annotation and tells whether an object is as it asks.
package condition

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/client-go/util/jsonpath"
)

// Condition is one thing to wait for.
type Condition struct {
	// Text is the condition as it was written.
	Text    string
	value   func(content map[string]any) (string, bool)
	matches func(value string) bool
}

// Parse reads one condition or a JSON array of conditions, all of which must hold. A condition is `jsonpath={.path}`,
// `jsonpath={.path}=value`, `condition=Type` or `condition=Type=Status`.
func Parse(annotation string) ([]Condition, error) {
	texts := []string{annotation}
	if strings.HasPrefix(strings.TrimSpace(annotation), "[") {
		if err := json.Unmarshal([]byte(annotation), &texts); err != nil {
			return nil, fmt.Errorf("%q is not a JSON array of strings: %w", annotation, err)
		}
		if len(texts) == 0 {
			return nil, fmt.Errorf("%q names no condition", annotation)
		}
	}
	conditions := make([]Condition, len(texts))
	for i, text := range texts {
		parsed, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("condition %q: %w", text, err)
		}
		conditions[i] = parsed
	}
	return conditions, nil
}

func parse(text string) (Condition, error) {
	form, rest, _ := strings.Cut(text, "=")
	switch form {
	case "jsonpath":
		return parsePath(text, rest)
	case "condition":
		return parseStatus(text, rest)
	}
	return Condition{}, fmt.Errorf("want jsonpath={.path}, jsonpath={.path}=value, condition=Type or condition=Type=Status")
}

func parsePath(text, rest string) (Condition, error) {
	expression, want, hasWant := strings.Cut(rest, "=")
	if strings.HasPrefix(rest, "{") {
		end := strings.Index(rest, "}")
		if end < 0 {
			return Condition{}, fmt.Errorf("the path has no closing brace")
		}
		expression = rest[:end+1]
		want, hasWant = strings.CutPrefix(rest[end+1:], "=")
		if !hasWant && want != "" {
			return Condition{}, fmt.Errorf("%q after the path is not =value", want)
		}
	} else {
		expression = "{." + strings.TrimPrefix(expression, ".") + "}"
	}
	if hasWant && want == "" {
		return Condition{}, fmt.Errorf("the value after = is empty")
	}

	path := jsonpath.New("waitFor").AllowMissingKeys(true)
	if err := path.Parse(expression); err != nil {
		return Condition{}, err
	}
	matches := func(value string) bool { return !hasWant || value == want }
	return Condition{Text: text, value: first(path), matches: matches}, nil
}

// first returns what a path finds first, scalars as text and the rest as JSON.
func first(path *jsonpath.JSONPath) func(map[string]any) (string, bool) {
	return func(content map[string]any) (string, bool) {
		results, err := path.FindResults(content)
		if err != nil {
			return "", false
		}
		for _, result := range results {
			for _, value := range result {
				switch found := value.Interface().(type) {
				case nil:
				case map[string]any, []any:
					encoded, err := json.Marshal(found)
					return string(encoded), err == nil
				default:
					return fmt.Sprint(found), true
				}
			}
		}
		return "", false
	}
}

func parseStatus(text, rest string) (Condition, error) {
	kind, want, hasWant := strings.Cut(rest, "=")
	if kind == "" || hasWant && want == "" {
		return Condition{}, fmt.Errorf("want condition=Type or condition=Type=Status")
	}
	if !hasWant {
		want = "True"
	}
	matches := func(value string) bool { return strings.EqualFold(value, want) }
	return Condition{Text: text, value: status(kind), matches: matches}, nil
}

// status returns the status of the entry of status.conditions that has this type.
func status(kind string) func(map[string]any) (string, bool) {
	return func(content map[string]any) (string, bool) {
		state, _ := content["status"].(map[string]any)
		conditions, _ := state["conditions"].([]any)
		for _, entry := range conditions {
			entry, _ := entry.(map[string]any)
			if name, _ := entry["type"].(string); strings.EqualFold(name, kind) {
				value, ok := entry["status"].(string)
				return value, ok
			}
		}
		return "", false
	}
}

// Holds says whether the object is as the condition asks, and what it is instead.
func (c Condition) Holds(content map[string]any) (bool, string) {
	value, found := c.value(content)
	if !found {
		return false, "not set"
	}
	return c.matches(value), fmt.Sprintf("%q", value)
}
