package rest

import (
	"errors"
	"net/http"

	"tinyolly.dev/apps/opamp-server/internal/collector"
	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

// requestError is what is wrong with a request beside the configuration in it.
type requestError struct {
	status int
	detail string
}

func (e requestError) Error() string { return e.detail }

// problem replies in the form of RFC 9457.
func (a api) problem(w http.ResponseWriter, status int, detail string, problems []collector.Problem) {
	a.replyAs(w, "application/problem+json", status, struct {
		Title  string              `json:"title"`
		Status int                 `json:"status"`
		Detail string              `json:"detail"`
		Errors []collector.Problem `json:"errors,omitempty"`
	}{http.StatusText(status), status, detail, problems})
}

func (a api) problemOf(w http.ResponseWriter, err error) {
	if request, ok := errors.AsType[requestError](err); ok {
		a.problem(w, request.status, request.detail, nil)
		return
	}
	if invalid, ok := errors.AsType[collector.InvalidError](err); ok {
		a.problem(w, http.StatusUnprocessableEntity, "the configuration would be refused by a Collector", invalid.Problems)
		return
	}
	status := http.StatusInternalServerError
	if _, ok := errors.AsType[fleet.UnknownInstanceError](err); ok {
		status = http.StatusNotFound
	}
	if _, ok := errors.AsType[fleet.ReadOnlyInstanceError](err); ok {
		status = http.StatusConflict
	}
	if _, ok := errors.AsType[fleet.ConflictError](err); ok {
		status = http.StatusPreconditionFailed
	}
	a.problem(w, status, err.Error(), nil)
}
