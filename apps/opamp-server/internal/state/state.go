// Package state keeps in a file what of the fleet outlives the server.
package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

const (
	version = 1
	// Changes within that time are saved together.
	saveInterval  = time.Second
	retryInterval = 30 * time.Second
)

type content struct {
	Version int `json:"version"`
	fleet.Snapshot
}

// Keeper saves the fleet after each change.
type Keeper struct {
	path   string
	agents *fleet.Fleet
	logger *slog.Logger
}

// Restore fills the fleet from the file, where there is one. Without a path nothing is read or saved.
func Restore(path string, agents *fleet.Fleet, logger *slog.Logger) (*Keeper, error) {
	k := &Keeper{path, agents, logger}
	if path == "" {
		return k, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		// A folder that cannot be written is found now, not at the first change.
		return k, k.save()
	}
	if err != nil {
		return nil, fmt.Errorf("STATE_FILE: %w", err)
	}
	var saved content
	if err := json.Unmarshal(data, &saved); err != nil {
		return nil, fmt.Errorf("STATE_FILE: %s is not what this server has written; move it away to begin without targets: %w", path, err)
	}
	if saved.Version != version {
		return nil, fmt.Errorf("STATE_FILE: %s has version %d, and this server knows %d; move it away to begin without targets", path, saved.Version, version)
	}
	if err := agents.Restore(saved.Snapshot); err != nil {
		return nil, fmt.Errorf("STATE_FILE: %s cannot be used; move it away to begin without targets: %w", path, err)
	}
	return k, nil
}

// Run saves what changes until ctx is done, and then once more.
func (k *Keeper) Run(ctx context.Context) {
	if k.path == "" {
		return
	}
	// The first change is saved at once, and what follows together.
	for saved := true; ; {
		var again <-chan time.Time
		if !saved {
			again = time.After(retryInterval)
		}
		select {
		case <-k.agents.Changed():
		case <-again:
		case <-ctx.Done():
			k.trySave()
			return
		}
		saved = k.trySave()
		select {
		case <-time.After(saveInterval):
		case <-ctx.Done():
		}
	}
}

func (k *Keeper) trySave() bool {
	err := k.save()
	if err != nil {
		k.logger.Error("targets were not saved; they are lost if the server ends now", "error", err)
	}
	return err == nil
}

// save replaces the file as a whole: whoever reads it sees the state before or after.
func (k *Keeper) save() error {
	data, err := json.Marshal(content{version, k.agents.Snapshot()})
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(k.path), filepath.Base(k.path)+".*")
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), k.path)
	}
	if err != nil {
		return fmt.Errorf("save state: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
