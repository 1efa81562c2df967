package agents

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/open-telemetry/opamp-go/protobufs"
	"go.yaml.in/yaml/v3"
)

// Config is a collector configuration and the hash that identifies it to agents.
type Config struct {
	Text string
	hash [sha256.Size]byte
}

// ParseConfig returns the configuration in text, which has to be one YAML mapping.
func ParseConfig(text string) (*Config, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var content any
	if err := decoder.Decode(&content); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	if mapping, _ := content.(map[string]any); len(mapping) == 0 {
		return nil, errors.New("the configuration has to be a YAML mapping with at least one key")
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the configuration has more than one YAML document")
	}
	return newConfig(text), nil
}

func newConfig(text string) *Config {
	return &Config{Text: text, hash: sha256.Sum256([]byte(text))}
}

// Hash is the SHA-256 of the text, in hexadecimal.
func (c *Config) Hash() string {
	return hex.EncodeToString(c.hash[:])
}

func (c *Config) matches(hash []byte) bool {
	return bytes.Equal(c.hash[:], hash)
}

// remoteConfig uses the empty file name, which the specification gives to agents with one configuration file.
func (c *Config) remoteConfig() *protobufs.AgentRemoteConfig {
	return &protobufs.AgentRemoteConfig{
		Config: &protobufs.AgentConfigMap{ConfigMap: map[string]*protobufs.AgentConfigFile{
			"": {Body: []byte(c.Text), ContentType: "text/yaml"},
		}},
		ConfigHash: c.hash[:],
	}
}
