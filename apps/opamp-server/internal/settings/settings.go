// Package settings reads what the environment says.
package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// Settings are what whoever runs the server decides.
type Settings struct {
	LogLevel slog.Level
	// OpAMPListen and RESTListen are addresses such as :4320.
	OpAMPListen, RESTListen string
	// OpAMPToken and RESTToken have to be sent by agents and by users of the API; empty ones are not asked for.
	OpAMPToken, RESTToken string
	// RESTHosts are names under which the API is reached, beside addresses and names within the cluster.
	RESTHosts []string
	// MaxAgents is the number of agents that are kept.
	MaxAgents int
	// StateFile is where targets and history are kept; without it they are lost at each end.
	StateFile string
}

const defaultMaxAgents = 10_000

// Read returns the settings, or all that is wrong with them.
func Read(lookup func(name string) (string, bool)) (Settings, error) {
	get := func(name, unset string) string {
		if value, ok := lookup(name); ok && value != "" {
			return value
		}
		return unset
	}
	s := Settings{
		OpAMPListen: get("OPAMP_LISTEN", ":4320"),
		RESTListen:  get("REST_LISTEN", ":4321"),
		OpAMPToken:  get("OPAMP_TOKEN", ""),
		RESTToken:   get("REST_TOKEN", ""),
		StateFile:   get("STATE_FILE", ""),
	}
	for host := range strings.SplitSeq(get("REST_HOSTS", ""), ",") {
		if host = strings.ToLower(strings.TrimSpace(host)); host != "" {
			s.RESTHosts = append(s.RESTHosts, host)
		}
	}
	var problems []error
	if err := s.LogLevel.UnmarshalText([]byte(get("LOG_LEVEL", "INFO"))); err != nil {
		problems = append(problems, fmt.Errorf("LOG_LEVEL is not DEBUG, INFO, WARN or ERROR: %w", err))
	}
	agents := get("MAX_AGENTS", strconv.Itoa(defaultMaxAgents))
	var err error
	if s.MaxAgents, err = strconv.Atoi(agents); err != nil || s.MaxAgents < 1 {
		problems = append(problems, fmt.Errorf("MAX_AGENTS is %q; it has to be a number of agents, at least 1", agents))
	}
	return s, errors.Join(problems...)
}
