// Package rest is the HTTP API for people and programs that look after the agents.
package rest

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"tinyolly.dev/apps/opamp-server/internal/agents"
)

const maxBodySize = 1 << 20

type api struct {
	fleet  *agents.Fleet
	logger *slog.Logger
}

// NewServer returns the HTTP server of the API.
func NewServer(address string, fleet *agents.Fleet, logger *slog.Logger) *http.Server {
	return &http.Server{
		Addr:              address,
		Handler:           newHandler(fleet, logger),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

func newHandler(fleet *agents.Fleet, logger *slog.Logger) http.Handler {
	a := api{fleet, logger}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", a.health)
	mux.HandleFunc("/health", a.methodNotAllowed("GET"))
	mux.HandleFunc("GET /status", a.status)
	mux.HandleFunc("/status", a.methodNotAllowed("GET"))
	mux.HandleFunc("GET /config", a.config)
	mux.HandleFunc("PUT /config", a.setConfig)
	mux.HandleFunc("/config", a.methodNotAllowed("GET, PUT"))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		a.fail(w, http.StatusNotFound, "not_found", "there are /health, /status and /config")
	})
	return mux
}

func (a api) health(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (a api) status(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, http.StatusOK, map[string]any{"agents": a.fleet.Status()})
}

func (a api) config(w http.ResponseWriter, r *http.Request) {
	instance := r.URL.Query().Get("instance")
	if instance == "" {
		a.fail(w, http.StatusBadRequest, "bad_request", `the query parameter "instance" is missing`)
		return
	}
	config, err := a.fleet.Config(instance)
	if err != nil {
		a.failInstance(w, err)
		return
	}
	a.reply(w, http.StatusOK, struct {
		Instance string `json:"instance"`
		Config   string `json:"config"`
		Hash     string `json:"hash"`
	}{instance, config.Text, config.Hash()})
}

func (a api) setConfig(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Config   string  `json:"config"`
		Instance *string `json:"instance"`
	}
	if err := decode(http.MaxBytesReader(w, r.Body, maxBodySize), &body); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			a.fail(w, http.StatusRequestEntityTooLarge, "too_large", "the body is larger than 1 MiB")
			return
		}
		a.fail(w, http.StatusBadRequest, "invalid_json", err.Error())
		return
	}
	config, err := agents.ParseConfig(body.Config)
	if err != nil {
		a.fail(w, http.StatusBadRequest, "invalid_yaml", err.Error())
		return
	}

	var instances []string
	if body.Instance == nil {
		instances = a.fleet.SetConfigOfAll(config)
	} else {
		if err := a.fleet.SetConfig(*body.Instance, config); err != nil {
			a.failInstance(w, err)
			return
		}
		instances = []string{*body.Instance}
	}
	a.logger.Info("configuration set", "hash", config.Hash(), "instances", instances)
	a.reply(w, http.StatusAccepted, struct {
		Hash      string   `json:"hash"`
		Instances []string `json:"instances"`
	}{config.Hash(), instances})
}

// decode refuses unknown keys: a misspelt "instance" would otherwise configure every agent.
func decode(body io.Reader, into any) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	switch err := decoder.Decode(new(json.RawMessage)); {
	case err == nil:
		return errors.New("the body has more than one JSON value")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func (a api) methodNotAllowed(allowed string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allowed)
		a.fail(w, http.StatusMethodNotAllowed, "method_not_allowed", "allowed here: "+allowed)
	}
}

func (a api) failInstance(w http.ResponseWriter, err error) {
	if _, ok := errors.AsType[agents.UnknownInstanceError](err); ok {
		a.fail(w, http.StatusNotFound, "not_found", err.Error())
		return
	}
	a.fail(w, http.StatusConflict, "read_only_instance", err.Error())
}

func (a api) fail(w http.ResponseWriter, status int, code, message string) {
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	a.reply(w, status, map[string]detail{"error": {code, message}})
}

func (a api) reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		a.logger.Warn("reply was not sent", "error", err)
	}
}
