// Package collector knows what the configuration of an OpenTelemetry Collector looks like.
package collector

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/open-telemetry/opamp-go/protobufs"
	"go.yaml.in/yaml/v3"
)

// Config is a checked configuration in one or more files, and the hash that identifies it to agents. It never changes.
type Config struct {
	files map[string]string
	hash  [sha256.Size]byte
	// hexHash and remote are made once, since they are told of and sent to each agent of a fleet.
	hexHash string
	remote  *protobufs.AgentRemoteConfig
}

// Problem is one thing that is wrong with a configuration, and where.
type Problem struct {
	// File is the name of the file; empty where there is one file without a name, and for what several files make together.
	File string `json:"file,omitempty"`
	// Path leads to the value, such as service.pipelines.traces.exporters.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

func (p Problem) String() string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + " " + text
	}
	if p.File != "" {
		text = p.File + ": " + text
	}
	return text
}

// InvalidError lists everything that is wrong with a configuration.
type InvalidError struct{ Problems []Problem }

func (e InvalidError) Error() string {
	const shown = 3
	texts := make([]string, 0, shown+1)
	for _, problem := range e.Problems[:min(shown, len(e.Problems))] {
		texts = append(texts, problem.String())
	}
	if more := len(e.Problems) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, "; ")
}

// One returns files with the one file that has no name, which the specification gives to agents with a single file.
func One(text string) map[string]string {
	return map[string]string{"": text}
}

// Parse returns the configuration that files hold, by their names, or an InvalidError.
func Parse(files map[string]string) (*Config, error) {
	if len(files) == 0 {
		return nil, InvalidError{[]Problem{{Message: "the configuration has no file"}}}
	}
	var problems []Problem
	merged := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content, err := parseFile(files[name])
		if err != nil {
			problems = append(problems, Problem{File: name, Message: err.Error()})
			continue
		}
		problems = append(problems, checkValues(name, content)...)
		merge(merged, content)
	}
	// References go from file to file, so they are checked once all files are there.
	if len(problems) == 0 {
		problems = checkStructure(merged)
	}
	if len(problems) > 0 {
		return nil, InvalidError{problems}
	}
	return Trust(files), nil
}

// Trust returns a configuration that was parsed before.
func Trust(files map[string]string) *Config {
	c := &Config{files: maps.Clone(files), hash: hashOf(files)}
	c.hexHash = hex.EncodeToString(c.hash[:])
	bodies := make(map[string]*protobufs.AgentConfigFile, len(c.files))
	for name, text := range c.files {
		bodies[name] = &protobufs.AgentConfigFile{Body: []byte(text), ContentType: "text/yaml"}
	}
	c.remote = &protobufs.AgentRemoteConfig{Config: &protobufs.AgentConfigMap{ConfigMap: bodies}, ConfigHash: c.hash[:]}
	return c
}

func parseFile(text string) (map[string]any, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var content any
	if err := decoder.Decode(&content); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	mapping, _ := content.(map[string]any)
	if len(mapping) == 0 {
		return nil, errors.New("the configuration has to be a YAML mapping with at least one key")
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the configuration has more than one YAML document")
	}
	return mapping, nil
}

// merge adds content as the Collector does: mappings grow, everything else is replaced.
func merge(into, content map[string]any) {
	for key, value := range content {
		mapping, ok := value.(map[string]any)
		existing, both := into[key].(map[string]any)
		switch {
		case ok && both:
			merge(existing, mapping)
		case ok:
			copied := map[string]any{}
			merge(copied, mapping)
			into[key] = copied
		default:
			into[key] = value
		}
	}
}

func hashOf(files map[string]string) [sha256.Size]byte {
	if text, ok := files[""]; ok && len(files) == 1 {
		return sha256.Sum256([]byte(text))
	}
	var all []byte
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, part := range []string{name, files[name]} {
			all = binary.BigEndian.AppendUint64(all, uint64(len(part)))
			all = append(all, part...)
		}
	}
	return sha256.Sum256(all)
}

// Files returns the text of each file by its name.
func (c *Config) Files() map[string]string {
	return maps.Clone(c.files)
}

// Size is the number of bytes of all files.
func (c *Config) Size() int {
	size := 0
	for _, text := range c.files {
		size += len(text)
	}
	return size
}

// Hash identifies the configuration: for one file without a name the SHA-256 of its text, in hexadecimal.
func (c *Config) Hash() string {
	return c.hexHash
}

// Matches tells whether hash is that of the configuration.
func (c *Config) Matches(hash []byte) bool {
	return bytes.Equal(c.hash[:], hash)
}

// Remote returns the configuration as it is offered to agents, to be read only.
func (c *Config) Remote() *protobufs.AgentRemoteConfig {
	return c.remote
}

// Text returns files as one text to read: several of them with a heading each.
func Text(files map[string]string) string {
	if len(files) == 1 {
		for _, text := range files {
			return text
		}
	}
	var joined strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		joined.WriteString("--- # " + cmp.Or(name, "(no name)") + "\n")
		joined.WriteString(strings.TrimRight(files[name], "\n") + "\n")
	}
	return joined.String()
}
