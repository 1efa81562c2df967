package collector

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// structure collects what a Collector would refuse about how the parts of a configuration refer to each other.
type structure struct {
	content  map[string]any
	problems []Problem
	// Pipelines in which each connector ends and begins.
	connectorExports, connectorReceives map[string]bool
}

func checkStructure(content map[string]any) []Problem {
	s := &structure{content: content, connectorExports: map[string]bool{}, connectorReceives: map[string]bool{}}
	sections := []string{"receivers", "processors", "exporters", "connectors", "extensions"}
	for _, key := range slices.Sorted(maps.Keys(content)) {
		switch {
		case slices.Contains(sections, key):
			s.checkSection(key)
		case key != "service":
			s.add(key, "is no section of a Collector's configuration; there are %s and service", strings.Join(sections, ", "))
		}
	}
	s.checkService()
	s.checkConnectors()
	return s.problems
}

func (s *structure) add(path, format string, args ...any) {
	s.problems = append(s.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// checkSection looks at the names of components, such as otlp or otlp/second. What a component takes, only it knows.
func (s *structure) checkSection(section string) {
	components, ok := s.mapping(section, s.content[section])
	if !ok {
		return
	}
	name := regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z_]{0,62}(/\S.*)?$`)
	for _, id := range slices.Sorted(maps.Keys(components)) {
		path := section + "." + id
		if !name.MatchString(id) {
			s.add(path, "is no name of a component; it has to be a type such as otlp, or type/name")
		}
		s.mapping(path, components[id])
	}
}

func (s *structure) checkService() {
	service, ok := s.mapping("service", s.content["service"])
	if !ok {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(service)) {
		switch key {
		case "extensions":
			s.checkReferences("service.extensions", service[key], "extensions")
		case "pipelines":
			s.checkPipelines(service[key])
		case "telemetry":
		default:
			s.add("service."+key, "is unknown; there are extensions, pipelines and telemetry")
		}
	}
}

func (s *structure) checkPipelines(value any) {
	pipelines, ok := s.mapping("service.pipelines", value)
	if !ok {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(pipelines)) {
		path := "service.pipelines." + id
		signal, _, _ := strings.Cut(id, "/")
		if !slices.Contains([]string{"traces", "metrics", "logs", "profiles"}, signal) {
			s.add(path, "is no pipeline; it has to be traces, metrics, logs or profiles, or one of them and /name")
		}
		pipeline, ok := s.mapping(path, pipelines[id])
		if !ok {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(pipeline)) {
			if !slices.Contains([]string{"receivers", "processors", "exporters"}, key) {
				s.add(path+"."+key, "is unknown; there are receivers, processors and exporters")
			}
		}
		for _, end := range []string{"receivers", "exporters"} {
			if list, isList := pipeline[end].([]any); pipeline[end] == nil || isList && len(list) == 0 {
				s.add(path, "has no %s; a pipeline needs at least one of them", end)
			}
		}
		for _, id := range s.checkReferences(path+".receivers", pipeline["receivers"], "receivers", "connectors") {
			s.connectorReceives[id] = true
		}
		s.checkReferences(path+".processors", pipeline["processors"], "processors")
		for _, id := range s.checkReferences(path+".exporters", pipeline["exporters"], "exporters", "connectors") {
			s.connectorExports[id] = true
		}
	}
}

// checkReferences looks up the components of a list in the sections that may declare them, and returns them.
func (s *structure) checkReferences(path string, value any, sections ...string) []string {
	if value == nil || expands(value) {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		s.add(path, "has to be a list of components")
		return nil
	}
	var ids []string
	for _, element := range list {
		id, ok := element.(string)
		switch {
		case !ok:
			s.add(path, "has %v where the name of a component has to be", element)
		case expands(id):
		case slices.Contains(ids, id) && sections[0] == "processors":
			s.add(path, "has %q twice", id)
		case !s.declared(id, sections):
			s.add(path, "refers to %q, which is not declared in %s", id, strings.Join(sections, " or "))
		}
		ids = append(ids, id)
	}
	return ids
}

func (s *structure) declared(id string, sections []string) bool {
	return slices.ContainsFunc(sections, func(section string) bool {
		components, _ := s.content[section].(map[string]any)
		_, ok := components[id]
		return ok || expands(s.content[section])
	})
}

// checkConnectors finds connectors with one end: each is the exporter of one pipeline and the receiver of another.
func (s *structure) checkConnectors() {
	connectors, _ := s.content["connectors"].(map[string]any)
	for _, id := range slices.Sorted(maps.Keys(connectors)) {
		switch exports, receives := s.connectorExports[id], s.connectorReceives[id]; {
		case exports && !receives:
			s.add("connectors."+id, "is an exporter of a pipeline, but a receiver of none")
		case receives && !exports:
			s.add("connectors."+id, "is a receiver of a pipeline, but an exporter of none")
		}
	}
}

// mapping returns a mapping, or nothing for what is empty or only known to the Collector.
func (s *structure) mapping(path string, value any) (map[string]any, bool) {
	mapping, ok := value.(map[string]any)
	if !ok && value != nil && !expands(value) {
		s.add(path, "has to be a mapping")
	}
	return mapping, ok
}

// expands tells whether the Collector replaces a value when it starts, such as ${env:NAME}.
func expands(value any) bool {
	text, ok := value.(string)
	return ok && strings.Contains(text, "${")
}

// maxDepth bounds how deep values lie in each other; those of Collectors lie some ten deep.
const maxDepth = 100

// checkValues finds values that a Collector has hidden, and nesting that nobody needs.
func checkValues(file string, value any) []Problem {
	const mark = "REDACTED"
	var problems []Problem
	hidden := func(path string) {
		problems = append(problems, Problem{
			file, path, "is [REDACTED], which stands for a secret that the Collector does not tell; give the value, or ${env:NAME}",
		})
	}
	var walk func(path string, depth int, value any)
	walk = func(path string, depth int, value any) {
		if depth > maxDepth {
			problems = append(problems, Problem{file, path[:min(len(path), maxDepth)] + "…", fmt.Sprintf("lies more than %d values deep", maxDepth)})
			return
		}
		switch value := value.(type) {
		case string:
			if strings.Contains(value, "["+mark+"]") {
				hidden(path)
			}
		case []any:
			// Without quotes, YAML makes a list of the mark.
			if len(value) == 1 && value[0] == mark {
				hidden(path)
				return
			}
			for index, element := range value {
				walk(fmt.Sprintf("%s[%d]", path, index), depth+1, element)
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(value)) {
				walk(strings.TrimPrefix(path+"."+key, "."), depth+1, value[key])
			}
		case map[any]any:
			for key, element := range value {
				walk(strings.TrimPrefix(fmt.Sprintf("%s.%v", path, key), "."), depth+1, element)
			}
		}
	}
	walk("", 0, value)
	return problems
}
