package agents

import (
	"strings"
	"testing"
)

func TestParseConfigAcceptsOneMapping(t *testing.T) {
	config, err := ParseConfig("receivers:\n  otlp:\n")
	if err != nil {
		t.Fatal(err)
	}
	// printf 'receivers:\n  otlp:\n' | sha256sum
	if got, want := config.Hash(), "b78a3cd731efa5449c24e08abafbba0cd20d4f2eb9612573365b1b1f38b26c53"; got != want {
		t.Errorf("hash is %s, want %s", got, want)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, message string }{
		"nothing":             {"", "has to be a YAML mapping"},
		"a comment":           {"# later\n", "has to be a YAML mapping"},
		"a scalar":            {"receivers", "has to be a YAML mapping"},
		"a list":              {"- receivers\n", "has to be a YAML mapping"},
		"an empty mapping":    {"{}", "has to be a YAML mapping"},
		"an open bracket":     {"receivers: [otlp", "parse configuration: yaml: line 1"},
		"a tab":               {"receivers:\n\totlp:\n", "parse configuration: yaml: line 2"},
		"a key given twice":   {"a: 1\na: 2\n", `mapping key "a" already defined at line 1`},
		"two documents":       {"a: 1\n---\nb: 2\n", "more than one YAML document"},
		"a multiplying alias": {bomb(), "excessive aliasing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseConfig(test.text)
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error is %v, want one with %q", err, test.message)
			}
		})
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
