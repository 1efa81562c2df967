// Package opamp is how agents reach the fleet: by WebSocket, or by polling over plain HTTP.
package opamp

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/open-telemetry/opamp-go/protobufs"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"tinyolly.dev/apps/opamp-server/internal/fleet"
	"tinyolly.dev/apps/opamp-server/internal/guard"
)

const (
	path         = "/v1/opamp"
	protobufType = "application/x-protobuf"
	// Requests a second, of agents that connect and of agents that poll: a fleet of 10,000 comes back within seconds.
	requestRate  = 2000
	requestBurst = 4000
)

type handler struct {
	agents   *fleet.Fleet
	logger   *slog.Logger
	reader   *reader
	timing   timing
	requests *rate.Limiter
	upgrader websocket.Upgrader
	// sessions is the number of WebSockets, of which there are at most maxSessions.
	sessions    atomic.Int64
	maxSessions int64
}

// NewServer returns the HTTP server for up to maxSessions connected agents. Where token is not empty, each of them has to send it.
func NewServer(address, token string, maxSessions int, agents *fleet.Fleet, logger *slog.Logger) *http.Server {
	return newServer(address, token, newHandler(maxSessions, agents, logger))
}

func newHandler(maxSessions int, agents *fleet.Fleet, logger *slog.Logger) *handler {
	return &handler{
		agents:      agents,
		logger:      logger,
		reader:      newReader(),
		timing:      defaultTiming(),
		requests:    rate.NewLimiter(requestRate, requestBurst),
		maxSessions: int64(maxSessions),
		upgrader: websocket.Upgrader{
			// Small, since there is one for each agent that is connected. Without compression nothing grows on its way.
			ReadBufferSize:  256,
			WriteBufferSize: 4 << 10,
			WriteBufferPool: &sync.Pool{},
		},
	}
}

func newServer(address, token string, h *handler) *http.Server {
	mux := http.NewServeMux()
	mux.Handle(path, guard.Token(token, http.NewCrossOriginProtection().Handler(h)))
	server := &http.Server{
		Addr:              address,
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	server.RegisterOnShutdown(h.agents.Close)
	return server
}

func (h *handler) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if !h.requests.Allow() {
		h.later(w, http.StatusTooManyRequests)
		return
	}
	if request.Header.Get("Content-Type") == protobufType {
		h.poll(w, request)
		return
	}
	if h.sessions.Add(1) > h.maxSessions {
		h.sessions.Add(-1)
		h.later(w, http.StatusServiceUnavailable)
		return
	}
	conn, err := h.upgrader.Upgrade(w, request, nil)
	if err != nil {
		h.sessions.Add(-1)
		h.logger.Debug("no WebSocket", "error", err)
		return
	}
	s := &session{handler: h, conn: conn}
	// The goroutine of the request has grown, and would be kept as large as long as the agent is connected.
	go func() {
		defer h.sessions.Add(-1)
		s.run()
	}()
}

// poll answers a message of an agent that cannot be pushed to.
func (h *handler) poll(w http.ResponseWriter, request *http.Request) {
	h.reader.begin()
	defer h.reader.end()
	request.Body = http.MaxBytesReader(w, request.Body, maxMessageSize)
	ctx, cancel := context.WithTimeout(request.Context(), h.timing.message)
	defer cancel()
	body, err := bodyOf(request)
	var message protobufs.AgentToServer
	if err == nil {
		err = h.reader.read(ctx, body, func(content []byte) error { return decode(content, &message) })
	}
	if err != nil {
		h.logger.Debug("message was refused", "error", err)
		_, cut := errors.AsType[*http.MaxBytesError](err)
		switch {
		case cut || errors.Is(err, errTooLarge):
			http.Error(w, errTooLarge.Error(), http.StatusRequestEntityTooLarge)
		case errors.Is(err, errBusy):
			h.later(w, http.StatusServiceUnavailable)
		default:
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
		return
	}

	reply := h.agents.Receive(nil, &message)
	if reply == nil {
		reply = &protobufs.ServerToAgent{InstanceUid: message.InstanceUid}
	}
	if err := respond(w, request, reply); err != nil {
		h.logger.Debug("reply was not sent", "error", err)
	}
}

func respond(w http.ResponseWriter, request *http.Request, reply *protobufs.ServerToAgent) error {
	content, err := proto.Marshal(reply)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return fmt.Errorf("encode reply: %w", err)
	}
	w.Header().Set("Content-Type", protobufType)
	if request.Header.Get("Accept-Encoding") != "gzip" || len(content) < 1<<10 {
		_, err := w.Write(content)
		return err
	}
	w.Header().Set("Content-Encoding", "gzip")
	compressed := gzip.NewWriter(w)
	if _, err := compressed.Write(content); err != nil {
		return err
	}
	return compressed.Close()
}

func (h *handler) later(w http.ResponseWriter, status int) {
	const seconds = 30
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, "the server is busy; come again in "+strconv.Itoa(seconds)+" s", status)
}
