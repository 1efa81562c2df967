// Package ghinstallation stands for logins by GitHub Apps, whose libraries are large: no cluster of this platform reaches GitHub.
package ghinstallation

import (
	"context"
	"errors"
	"net/http"
)

var errLeftOut = errors.New("this build of Argo CD has no logins by GitHub Apps")

// AppsTransport would send requests as an App.
type AppsTransport struct {
	BaseURL string
}

// NewAppsTransport fails.
func NewAppsTransport(http.RoundTripper, int64, []byte) (*AppsTransport, error) {
	return nil, errLeftOut
}

// RoundTrip fails.
func (*AppsTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, errLeftOut }

// Transport would send requests as an installation of an App.
type Transport struct {
	BaseURL string
}

// New fails.
func New(http.RoundTripper, int64, int64, []byte) (*Transport, error) { return nil, errLeftOut }

// RoundTrip fails.
func (*Transport) RoundTrip(*http.Request) (*http.Response, error) { return nil, errLeftOut }

// Token fails.
func (*Transport) Token(context.Context) (string, error) { return "", errLeftOut }
