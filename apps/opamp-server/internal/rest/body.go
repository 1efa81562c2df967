package rest

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"tinyolly.dev/apps/opamp-server/internal/collector"
)

var errTooLarge = errors.New("the body is larger than 256 KiB")

// decode refuses unknown keys: a misspelt "instance" would otherwise configure every agent.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodySize))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		switch err = decoder.Decode(new(json.RawMessage)); {
		case err == nil:
			err = errors.New("the body has more than one JSON value")
		case errors.Is(err, io.EOF):
			err = nil
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge
	}
	return err
}

// parse checks one configuration at a time.
func (a api) parse(files map[string]string) (*collector.Config, error) {
	a.parsing <- struct{}{}
	defer func() { <-a.parsing }()
	return collector.Parse(files)
}

// operator is who makes a request: what a proxy in front says, or else the address.
func operator(r *http.Request) string {
	const maxLength = 100
	name := strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(r.Header.Get("X-Forwarded-User"), ""))
	if name != "" {
		return strings.ToValidUTF8(name[:min(len(name), maxLength)], "")
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
