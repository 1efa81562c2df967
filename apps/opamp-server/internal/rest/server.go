// Package rest is the HTTP API for people and programs that look after the agents.
package rest

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"tinyolly.dev/apps/opamp-server/internal/fleet"
	"tinyolly.dev/apps/opamp-server/internal/guard"
)

const maxBodySize = 256 << 10

// Access is who may use the API.
type Access struct {
	// Token has to be sent as a bearer token, unless it is empty.
	Token string
	// Hosts are names, beside those of the cluster, under which the API is reached.
	Hosts []string
}

type api struct {
	agents *fleet.Fleet
	logger *slog.Logger
	// parsing is held while a configuration is parsed, which takes a hundred times its size.
	parsing chan struct{}
}

type route struct {
	method, path string
	serve        http.HandlerFunc
}

// NewServer returns the HTTP server of the API.
func NewServer(address string, access Access, agents *fleet.Fleet, logger *slog.Logger) *http.Server {
	return &http.Server{
		Addr:              address,
		Handler:           newHandler(access, agents, logger),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

func newHandler(access Access, agents *fleet.Fleet, logger *slog.Logger) http.Handler {
	a := api{agents, logger, make(chan struct{}, 1)}
	guarded := http.NewServeMux()
	guarded.Handle("/", a.plain())
	guarded.Handle(prefix+"/", a.versioned())

	open := http.NewServeMux()
	// The probes of Kubernetes know no token.
	open.HandleFunc("GET /health", a.health)
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(a.refusal(http.StatusForbidden, "forbidden", "the request was made by a page of another origin"))
	open.Handle("/", guard.Token(access.Token, sameOrigin.Handler(guarded)))

	unknownHost := a.refusal(http.StatusMisdirectedRequest, "unknown_host",
		"the host of the request is not known; name it in REST_HOSTS if it is one of yours")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !guard.KnownHost(r, access.Hosts) {
			unknownHost(w, r)
			return
		}
		open.ServeHTTP(w, r)
	})
}

// serve adds routes to a mux, and what answers other methods on their paths.
func serve(mux *http.ServeMux, routes []route, notAllowed func(allowed string) http.HandlerFunc) {
	methods := map[string][]string{}
	for _, route := range routes {
		mux.HandleFunc(route.method+" "+route.path, route.serve)
		methods[route.path] = append(methods[route.path], route.method)
	}
	for path, allowed := range methods {
		slices.Sort(allowed)
		mux.HandleFunc(path, notAllowed(strings.Join(allowed, ", ")))
	}
}

func (a api) health(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// refusal answers in the form of the path that was asked for.
func (a api) refusal(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix+"/") {
			a.problem(w, status, message, nil)
			return
		}
		a.fail(w, status, code, message)
	}
}

func (a api) reply(w http.ResponseWriter, status int, body any) {
	a.replyAs(w, "application/json", status, body)
}

func (a api) replyAs(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		a.logger.Warn("reply was not sent", "error", err)
	}
}
