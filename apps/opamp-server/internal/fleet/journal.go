package fleet

import (
	"slices"
	"sync"

	"tinyolly.dev/apps/opamp-server/internal/collector"
)

const (
	maxEntries      = 200
	maxJournalBytes = 8 << 20
)

// Actions of an Entry.
const (
	ActionSet   = "set"
	ActionUnset = "unset"
)

// Entry is one change of what agents are to run.
type Entry struct {
	Setting
	Action string `json:"action"`
	// Instance is empty where it was for all agents.
	Instance string `json:"instance"`
	// Agents is how many accepted it when it was set.
	Agents int `json:"agents"`
}

// journal is who has set what, and when; the oldest entries go first.
type journal struct {
	mu      sync.Mutex
	entries []Entry
	configs map[string]*collector.Config
}

func (j *journal) add(wanted *target, entry Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	entry.Setting = wanted.setting()
	j.entries = append(j.entries, entry)
	if j.configs == nil {
		j.configs = map[string]*collector.Config{}
	}
	if wanted.config != nil {
		j.configs[entry.Hash] = wanted.config
	}
	for len(j.entries) > maxEntries || j.size() > maxJournalBytes && len(j.entries) > 1 {
		oldest := j.entries[0]
		j.entries = slices.Delete(j.entries, 0, 1)
		if !slices.ContainsFunc(j.entries, func(e Entry) bool { return e.Hash == oldest.Hash }) {
			delete(j.configs, oldest.Hash)
		}
	}
}

func (j *journal) size() int {
	size := 0
	for _, config := range j.configs {
		size += config.Size()
	}
	return size
}

func (j *journal) restore(entries []Entry, configs map[string]*collector.Config) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = entries
	j.configs = map[string]*collector.Config{}
	for _, entry := range entries {
		if config := configs[entry.Hash]; config != nil {
			j.configs[entry.Hash] = config
		}
	}
}

// History returns the newest changes first.
func (f *Fleet) History() []Entry {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	entries := slices.Clone(f.journal.entries)
	slices.Reverse(entries)
	return entries
}

// Past returns a configuration of the history by its hash, or nil.
func (f *Fleet) Past(hash string) *collector.Config {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	return f.journal.configs[hash]
}
