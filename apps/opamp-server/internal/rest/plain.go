package rest

import (
	"errors"
	"net/http"

	"tinyolly.dev/apps/opamp-server/internal/collector"
	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

// plain are the paths without a version, which TinyOlly's own API passes on.
func (a api) plain() http.Handler {
	mux := http.NewServeMux()
	serve(mux, []route{
		{"GET", "/health", a.health},
		{"GET", "/status", a.status},
		{"GET", "/config", a.config},
		{"PUT", "/config", a.setConfig},
	}, func(allowed string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", allowed)
			a.fail(w, http.StatusMethodNotAllowed, "method_not_allowed", "allowed here: "+allowed)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		a.fail(w, http.StatusNotFound, "not_found", "there are /health, /status, /config and "+prefix+"/openapi.json")
	})
	return mux
}

func (a api) status(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, http.StatusOK, a.agents.List(fleet.Query{Limit: maxPage}))
}

func (a api) config(w http.ResponseWriter, r *http.Request) {
	instance := r.URL.Query().Get("instance")
	if instance == "" {
		a.fail(w, http.StatusBadRequest, "bad_request", `the query parameter "instance" is missing`)
		return
	}
	detail, err := a.agents.Detail(instance)
	if err != nil {
		a.failConfig(w, err)
		return
	}
	reply := struct {
		Instance        string `json:"instance"`
		Config          string `json:"config"`
		Hash            string `json:"hash"`
		EffectiveConfig string `json:"effectiveConfig"`
	}{Instance: instance, EffectiveConfig: collector.Text(detail.EffectiveFiles)}
	if detail.Wanted != nil {
		reply.Config, reply.Hash = collector.Text(detail.WantedFiles), detail.Wanted.Hash
	}
	a.reply(w, http.StatusOK, reply)
}

func (a api) setConfig(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Config   string  `json:"config"`
		Instance *string `json:"instance"`
	}
	if err := decode(w, r, &body); err != nil {
		if errors.Is(err, errTooLarge) {
			a.fail(w, http.StatusRequestEntityTooLarge, "too_large", err.Error())
			return
		}
		a.fail(w, http.StatusBadRequest, "invalid_json", err.Error())
		return
	}
	config, err := a.parse(collector.One(body.Config))
	if err != nil {
		a.fail(w, http.StatusBadRequest, "invalid_yaml", err.Error())
		return
	}

	var setting fleet.Setting
	var instances []string
	if body.Instance == nil {
		setting, instances, err = a.agents.SetShared(config, fleet.AnyRevision, operator(r))
	} else {
		instances = []string{*body.Instance}
		setting, err = a.agents.Set(*body.Instance, config, fleet.AnyRevision, operator(r))
	}
	if err != nil {
		a.failConfig(w, err)
		return
	}
	a.logger.Info("configuration set", "hash", setting.Hash, "by", setting.By, "agents", len(instances))
	a.reply(w, http.StatusAccepted, struct {
		Hash      string   `json:"hash"`
		Instances []string `json:"instances"`
	}{setting.Hash, instances})
}

func (a api) failConfig(w http.ResponseWriter, err error) {
	if _, ok := errors.AsType[fleet.UnknownInstanceError](err); ok {
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
