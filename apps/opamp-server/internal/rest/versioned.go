package rest

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tinyolly.dev/apps/opamp-server/internal/collector"
	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

const (
	prefix      = "/api/v1"
	defaultPage = 100
	// A page of a thousand agents is below a megabyte.
	maxPage = 1000
)

//go:embed openapi.json
var openAPI []byte

func (a api) versioned() http.Handler {
	mux := http.NewServeMux()
	serve(mux, a.versionedRoutes(), func(allowed string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", allowed)
			a.problem(w, http.StatusMethodNotAllowed, "allowed here: "+allowed, nil)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		a.problem(w, http.StatusNotFound, "there is no such path; "+prefix+"/openapi.json has all of them", nil)
	})
	return mux
}

func (a api) versionedRoutes() []route {
	return []route{
		{"GET", prefix + "/openapi.json", a.openAPI},
		{"GET", prefix + "/agents", a.listAgents},
		{"GET", prefix + "/agents/{instance}", a.getAgent},
		{"GET", prefix + "/agents/{instance}/config", a.getConfig},
		{"PUT", prefix + "/agents/{instance}/config", a.putConfig},
		{"DELETE", prefix + "/agents/{instance}/config", a.deleteConfig},
		{"GET", prefix + "/config", a.getShared},
		{"PUT", prefix + "/config", a.putShared},
		{"DELETE", prefix + "/config", a.deleteShared},
		{"GET", prefix + "/configs/{hash}", a.getPast},
		{"GET", prefix + "/history", a.listHistory},
		{"POST", prefix + "/validate", a.validate},
	}
}

func (a api) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(openAPI); err != nil {
		a.logger.Warn("reply was not sent", "error", err)
	}
}

func (a api) listAgents(w http.ResponseWriter, r *http.Request) {
	given := r.URL.Query()
	query := fleet.Query{
		After:      given.Get("after"),
		Limit:      defaultPage,
		Text:       given.Get("q"),
		Connection: fleet.Connection(given.Get("connection")),
		Outcome:    fleet.Outcome(given.Get("status")),
	}
	var problems []collector.Problem
	for name := range given {
		if known := []string{"after", "limit", "q", "connection", "status"}; !slices.Contains(known, name) {
			problems = append(problems, collector.Problem{Path: name, Message: "is unknown; there are " + strings.Join(known, ", ")})
		}
	}
	if limit := given.Get("limit"); limit != "" {
		number, err := strconv.Atoi(limit)
		if err != nil || number < 1 || number > maxPage {
			problems = append(problems, collector.Problem{Path: "limit", Message: fmt.Sprintf("is %q; it has to be 1 to %d", limit, maxPage)})
		}
		query.Limit = number
	}
	connections := []fleet.Connection{"", fleet.Connected, fleet.Silent, fleet.Disconnected}
	if !slices.Contains(connections, query.Connection) {
		problems = append(problems, collector.Problem{Path: "connection", Message: fmt.Sprintf("is %q; there are %v", query.Connection, connections[1:])})
	}
	outcomes := []fleet.Outcome{"", fleet.Pending, fleet.Offered, fleet.Applying, fleet.Applied, fleet.Failed}
	if !slices.Contains(outcomes, query.Outcome) {
		problems = append(problems, collector.Problem{Path: "status", Message: fmt.Sprintf("is %q; there are %v", query.Outcome, outcomes[1:])})
	}
	if len(problems) > 0 {
		a.problem(w, http.StatusBadRequest, "the query is wrong", problems)
		return
	}
	a.reply(w, http.StatusOK, a.agents.List(query))
}

func (a api) getAgent(w http.ResponseWriter, r *http.Request) {
	detail, err := a.agents.Detail(r.PathValue("instance"))
	if err != nil {
		a.problemOf(w, err)
		return
	}
	a.reply(w, http.StatusOK, detail)
}

// setting is a configuration that was set, as the API shows it. Files are nil where there is none.
type setting struct {
	fleet.Setting
	Files map[string]string `json:"files"`
}

func (a api) replySetting(w http.ResponseWriter, status int, config *collector.Config, set fleet.Setting) {
	body := setting{Setting: set}
	if config != nil {
		body.Files = config.Files()
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, set.Revision))
	a.reply(w, status, body)
}

func (a api) getConfig(w http.ResponseWriter, r *http.Request) {
	config, set, err := a.agents.Config(r.PathValue("instance"))
	if err != nil {
		a.problemOf(w, err)
		return
	}
	a.replySetting(w, http.StatusOK, config, set)
}

func (a api) putConfig(w http.ResponseWriter, r *http.Request) {
	before, config, err := a.change(w, r)
	if err == nil {
		var set fleet.Setting
		if set, err = a.agents.Set(r.PathValue("instance"), config, before, operator(r)); err == nil {
			a.logger.Info("configuration set", "hash", set.Hash, "by", set.By, "instance", r.PathValue("instance"))
			a.replySetting(w, http.StatusAccepted, config, set)
			return
		}
	}
	a.problemOf(w, err)
}

func (a api) deleteConfig(w http.ResponseWriter, r *http.Request) {
	before, err := revisionBefore(r)
	if err == nil {
		_, err = a.agents.Set(r.PathValue("instance"), nil, before, operator(r))
	}
	if err != nil {
		a.problemOf(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a api) getShared(w http.ResponseWriter, _ *http.Request) {
	config, set := a.agents.Shared()
	a.replySetting(w, http.StatusOK, config, set)
}

func (a api) putShared(w http.ResponseWriter, r *http.Request) {
	before, config, err := a.change(w, r)
	if err == nil {
		var set fleet.Setting
		var instances []string
		if set, instances, err = a.agents.SetShared(config, before, operator(r)); err == nil {
			a.logger.Info("configuration set", "hash", set.Hash, "by", set.By, "agents", len(instances))
			a.replySetting(w, http.StatusAccepted, config, set)
			return
		}
	}
	a.problemOf(w, err)
}

func (a api) deleteShared(w http.ResponseWriter, r *http.Request) {
	before, err := revisionBefore(r)
	if err == nil {
		_, _, err = a.agents.SetShared(nil, before, operator(r))
	}
	if err != nil {
		a.problemOf(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a api) getPast(w http.ResponseWriter, r *http.Request) {
	config := a.agents.Past(r.PathValue("hash"))
	if config == nil {
		a.problem(w, http.StatusNotFound, "the history has no configuration with this hash", nil)
		return
	}
	a.reply(w, http.StatusOK, map[string]any{"hash": config.Hash(), "files": config.Files()})
}

func (a api) listHistory(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, http.StatusOK, map[string]any{"entries": a.agents.History()})
}

func (a api) validate(w http.ResponseWriter, r *http.Request) {
	_, err := a.files(w, r)
	invalid, ok := errors.AsType[collector.InvalidError](err)
	if err != nil && !ok {
		a.problemOf(w, err)
		return
	}
	problems := invalid.Problems
	if problems == nil {
		problems = []collector.Problem{}
	}
	a.reply(w, http.StatusOK, map[string]any{"problems": problems})
}

// change reads what a PUT replaces, and by what.
func (a api) change(w http.ResponseWriter, r *http.Request) (uint64, *collector.Config, error) {
	before, err := revisionBefore(r)
	if err != nil {
		return 0, nil, err
	}
	config, err := a.files(w, r)
	return before, config, err
}

func (a api) files(w http.ResponseWriter, r *http.Request) (*collector.Config, error) {
	var body struct {
		Files map[string]string `json:"files"`
	}
	if err := decode(w, r, &body); err != nil {
		if errors.Is(err, errTooLarge) {
			return nil, requestError{http.StatusRequestEntityTooLarge, err.Error()}
		}
		return nil, requestError{http.StatusBadRequest, "the body is not the JSON that is expected: " + err.Error()}
	}
	return a.parse(body.Files)
}

func revisionBefore(r *http.Request) (uint64, error) {
	match := r.Header.Get("If-Match")
	switch match {
	case "":
		return 0, requestError{
			http.StatusPreconditionRequired,
			"the header If-Match is missing; give the ETag that you have read, or * to replace whatever there is",
		}
	case "*":
		return fleet.AnyRevision, nil
	}
	text, quoted := strings.CutPrefix(match, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	revision, err := strconv.ParseUint(text, 10, 63)
	if err != nil || !quoted || !closed {
		return 0, requestError{http.StatusBadRequest, fmt.Sprintf("If-Match is %s; it has to be an ETag of this path, or *", match)}
	}
	return revision, nil
}
