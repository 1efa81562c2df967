package collector

import (
	"errors"
	"strings"
	"testing"
)

const good = `
receivers: {otlp: {protocols: {grpc: }}, hostmetrics/fast: {}}
processors: {batch: }
exporters: {debug: {}, otlp/second: {endpoint: "${env:ENDPOINT}"}}
connectors: {spanmetrics: {}}
extensions: {health_check: {}}
service:
  extensions: [health_check]
  telemetry: {logs: {level: debug}}
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [spanmetrics, otlp/second]}
    metrics/second: {receivers: [spanmetrics, hostmetrics/fast], exporters: [debug]}
`

func TestParseAcceptsWhatACollectorTakes(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"everything":            One(good),
		"one section":           One("receivers:\n  otlp:\n"),
		"a section from a file": One("receivers: ${file:receivers.yaml}\nservice: {pipelines: {logs: {receivers: [otlp], exporters: [a]}}}\nexporters: {a: }\n"),
		"references across files": {
			"a.yaml": "receivers: {otlp: {}}\nservice: {pipelines: {logs: {receivers: [otlp]}}}\n",
			"b.yaml": "exporters: {debug: {}}\nservice: {pipelines: {logs: {exporters: [debug]}}}\n",
		},
		"the word in a comment": One("# was [REDACTED]\nreceivers: {otlp: {}}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(files); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHashIsThatOfTheText(t *testing.T) {
	config, err := Parse(One("receivers:\n  otlp:\n"))
	if err != nil {
		t.Fatal(err)
	}
	// printf 'receivers:\n  otlp:\n' | sha256sum
	if got, want := config.Hash(), "b78a3cd731efa5449c24e08abafbba0cd20d4f2eb9612573365b1b1f38b26c53"; got != want {
		t.Errorf("hash is %s, want %s", got, want)
	}
}

func TestHashOfFilesTellsNamesFromTexts(t *testing.T) {
	seen := map[string]bool{}
	for _, files := range []map[string]string{
		{"a": "bc", "d": ""},
		{"ab": "c", "d": ""},
		{"a": "b", "cd": ""},
		{"a": "bcd"},
		{"": "bcd"},
	} {
		seen[Trust(files).Hash()] = true
	}
	if len(seen) != 5 {
		t.Errorf("five sets of files have %d hashes", len(seen))
	}
}

func TestSeveralFilesStaySeveral(t *testing.T) {
	remote := Trust(map[string]string{"a.yaml": "a", "b.yaml": "b"}).Remote().Config.ConfigMap
	if len(remote) != 2 || string(remote["a.yaml"].Body) != "a" || string(remote["b.yaml"].Body) != "b" {
		t.Errorf("files are %v, want both as they were", remote)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, message string }{
		"nothing":                  {"", "has to be a YAML mapping"},
		"a comment":                {"# later\n", "has to be a YAML mapping"},
		"a scalar":                 {"receivers", "has to be a YAML mapping"},
		"a list":                   {"- receivers\n", "has to be a YAML mapping"},
		"an empty mapping":         {"{}", "has to be a YAML mapping"},
		"an open bracket":          {"receivers: [otlp", "parse configuration: yaml: line 1"},
		"a tab":                    {"receivers:\n\totlp:\n", "parse configuration: yaml: line 2"},
		"a key given twice":        {"receivers: {}\nreceivers: {}\n", `mapping key "receivers" already defined at line 1`},
		"two documents":            {"receivers: {}\n---\nexporters: {}\n", "more than one YAML document"},
		"a multiplying alias":      {bomb(), "excessive aliasing"},
		"an unknown section":       {"receiver: {otlp: {}}\n", "receiver is no section of a Collector's configuration"},
		"a section that is a list": {"receivers: [otlp]\n", "receivers has to be a mapping"},
		"a component's value":      {"receivers: {otlp: 4317}\n", "receivers.otlp has to be a mapping"},
		"a component's name":       {"receivers: {4otlp: {}}\n", "receivers.4otlp is no name of a component"},
		"an unknown key":           {"service: {pipeline: {}}\n", "service.pipeline is unknown"},
		"an unknown signal":        {"service: {pipelines: {spans: {}}}\n", "service.pipelines.spans is no pipeline"},
		"a pipeline without end": {
			"receivers: {otlp: {}}\nservice: {pipelines: {traces: {receivers: [otlp], exporters: []}}}\n",
			"service.pipelines.traces has no exporters",
		},
		"an undeclared exporter": {
			strings.Replace(good, "otlp/second: {endpoint", "otlp/third: {endpoint", 1),
			`service.pipelines.traces.exporters refers to "otlp/second", which is not declared in exporters or connectors`,
		},
		"an undeclared processor": {
			strings.Replace(good, "processors: {batch: }", "", 1),
			`service.pipelines.traces.processors refers to "batch", which is not declared in processors`,
		},
		"an undeclared extension": {"service: {extensions: [zpages]}\n", `service.extensions refers to "zpages"`},
		"a processor twice":       {strings.Replace(good, "[batch]", "[batch, batch]", 1), `has "batch" twice`},
		"a connector's loose end": {
			strings.Replace(good, "[spanmetrics, hostmetrics/fast]", "[hostmetrics/fast]", 1),
			"connectors.spanmetrics is an exporter of a pipeline, but a receiver of none",
		},
		"a redacted value": {
			"exporters: {otlp: {headers: {authorization: '[REDACTED]'}}}\n", "exporters.otlp.headers.authorization is [REDACTED]",
		},
		"endless nesting":                 {"receivers: {a: {b: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}}\n", "lies more than 100 values deep"},
		"a redacted value without quotes": {"exporters: {otlp: {token: [REDACTED]}}\n", "exporters.otlp.token is [REDACTED]"},
		"a redacted part in a list":       {"exporters: {otlp: {urls: ['a', 'https://me:[REDACTED]@b']}}\n", "exporters.otlp.urls[1] is [REDACTED]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(One(test.text))
			if _, ok := errors.AsType[InvalidError](err); !ok || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error is %v, want one with %q", err, test.message)
			}
		})
	}
	if _, err := Parse(nil); err == nil {
		t.Error("no file at all is taken")
	}
}

func TestProblemsNameTheirFile(t *testing.T) {
	_, err := Parse(map[string]string{"a.yaml": "receivers: {}\nb: '[REDACTED]'\n", "b.yaml": "["})
	invalid, _ := errors.AsType[InvalidError](err)
	if len(invalid.Problems) != 2 || invalid.Problems[0].File != "a.yaml" || invalid.Problems[1].File != "b.yaml" {
		t.Errorf("problems are %v, want one of each file", invalid.Problems)
	}
}

func bomb() string {
	text := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for name := 'b'; name < 'j'; name++ {
		reference := "*" + string(name-1)
		text += string(name) + ": &" + string(name) + " [" + strings.Repeat(reference+", ", 9) + reference + "]\n"
	}
	return text
}

// FuzzParse shows that no text makes the checks fail in another way than by an error.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("service: {pipelines: [a], extensions: {b: c}}\nconnectors: 1\n1: 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		config, err := Parse(One(text))
		if (config == nil) == (err == nil) {
			t.Errorf("configuration is %v, error %v", config, err)
		}
	})
}
