package rest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opamp-go/client"

	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Enum       []string          `json:"enum"`
	Items      *schema           `json:"items"`
	Additional any               `json:"additionalProperties"`
}

type description struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

func describedAPI(t *testing.T) description {
	t.Helper()
	var d description
	check(t, json.Unmarshal(openAPI, &d))
	return d
}

// conforms holds what the server has sent against the description of the API.
func conforms(t *testing.T, name, body string) {
	t.Helper()
	var value any
	check(t, json.Unmarshal([]byte(body), &value))
	d := describedAPI(t)
	if problem := d.check(d.Components.Schemas[name], value, name); problem != "" {
		t.Errorf("%s\n%s", problem, body)
	}
}

func (d description) check(s schema, value any, path string) string {
	if s.Ref != "" {
		return d.check(d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], value, path)
	}
	kinds := map[string]string{"string": "string", "float64": "integer", "bool": "boolean", "<nil>": "null", "[]interface {}": "array", "map[string]interface {}": "object"}
	kind := kinds[fmt.Sprintf("%T", value)]
	if allowed := fmt.Sprint(s.Type); !strings.Contains(allowed, kind) {
		return fmt.Sprintf("%s is %s, want %s", path, kind, allowed)
	}
	switch value := value.(type) {
	case string:
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
			return fmt.Sprintf("%s is %q, want one of %v", path, value, s.Enum)
		}
	case []any:
		for index, element := range value {
			if problem := d.check(*s.Items, element, fmt.Sprintf("%s[%d]", path, index)); problem != "" {
				return problem
			}
		}
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := value[name]; !ok {
				return path + " has no " + name
			}
		}
		for name, element := range value {
			property, ok := s.Properties[name]
			switch {
			case ok:
				if problem := d.check(property, element, path+"."+name); problem != "" {
					return problem
				}
			case s.Additional == false:
				return path + " has " + name + ", which is not described"
			}
		}
	}
	return ""
}

func TestDescriptionHasEveryRoute(t *testing.T) {
	var served, described []string
	for _, route := range (api{logger: slog.New(slog.DiscardHandler)}).versionedRoutes() {
		served = append(served, route.method+" "+route.path)
	}
	for path, methods := range describedAPI(t).Paths {
		for method := range methods {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served are\n%s\ndescribed are\n%s", strings.Join(served, "\n"), strings.Join(described, "\n"))
	}
}

func TestDescriptionIsServed(t *testing.T) {
	if reply := call(t, "GET", start(t, Access{}).rest+"/api/v1/openapi.json", "", nil); reply.status != http.StatusOK || reply.body+"\n" != string(openAPI) {
		t.Errorf("reply is %d with %d bytes", reply.status, len(reply.body))
	}
}

func TestRepliesAreAsDescribed(t *testing.T) {
	s := start(t, Access{})
	c := connect(t, client.NewWebSocket(nil), "ws://"+s.opamp, time.Hour)
	s.await(t, func(a fleet.Detail) bool { return a.Effective != nil })
	path := s.rest + "/api/v1/agents/" + c.uid.String()
	conforms(t, "Detail", call(t, "GET", path, "", nil).body)
	conforms(t, "Setting", call(t, "GET", path+"/config", "", nil).body)
	put(t, s, pushed, &c.uid)
	c.expect(t, pushed)
	for _, list := range []string{"/api/v1/agents", "/status"} {
		conforms(t, "List", call(t, "GET", s.rest+list, "", nil).body)
	}
	conforms(t, "Detail", call(t, "GET", path, "", nil).body)
	conforms(t, "Setting", call(t, "GET", path+"/config", "", nil).body)
}
