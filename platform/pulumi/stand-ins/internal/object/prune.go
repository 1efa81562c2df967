package object

// Prune returns the part of an object's live content that the inputs speak of: what the server, controllers and other
// clients added is left out.
func Prune(live, inputs map[string]any) map[string]any {
	return pruneMap(withStringData(live, inputs), inputs)
}

func pruneMap(live, shape map[string]any) map[string]any {
	pruned := map[string]any{}
	for key, wanted := range shape {
		if value, ok := live[key]; ok {
			pruned[key] = prune(value, wanted)
		} else if empty(wanted) {
			// The server drops empty maps and lists of many kinds. That is no change to the object.
			pruned[key] = wanted
		}
	}
	return pruned
}

func prune(live, shape any) any {
	switch live := live.(type) {
	case map[string]any:
		if shape, ok := shape.(map[string]any); ok {
			return pruneMap(live, shape)
		}
	case []any:
		if shape, ok := shape.([]any); ok {
			return pruneList(live, shape)
		}
	}
	return live
}

func pruneList(live, shape []any) []any {
	pruned := make([]any, len(live))
	for i, value := range live {
		if i < len(shape) {
			value = prune(value, shape[i])
		}
		pruned[i] = value
	}
	return pruned
}

func empty(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	}
	return false
}
