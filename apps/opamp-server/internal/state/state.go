// Package state keeps in a file what of the fleet outlives the server.
package state

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// line is one of the file: an agent, or the last one with all that is not of an agent. A fleet is large, and so never encoded as a whole.
type line struct {
	Agent *fleet.SavedAgent `json:"agent,omitempty"`
	End   *end              `json:"end,omitempty"`
}

type end struct {
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
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		// A folder that cannot be written is found now, not at the first change.
		return k, k.save()
	}
	if err == nil {
		err = read(file, agents)
		// It was only read.
		_ = file.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("STATE_FILE: %s cannot be used; move it away to begin without targets: %w", path, err)
	}
	return k, nil
}

func read(file io.Reader, agents *fleet.Fleet) error {
	var saved []fleet.SavedAgent
	for decoder := json.NewDecoder(bufio.NewReader(file)); ; {
		var next line
		if err := decoder.Decode(&next); err != nil {
			return fmt.Errorf("it is not what this server has written: %w", err)
		}
		switch {
		case next.Agent != nil:
			saved = append(saved, *next.Agent)
		case next.End == nil || next.End.Version != version:
			return fmt.Errorf("it is not of version %d, which this server knows", version)
		default:
			return agents.Restore(next.End.Snapshot, saved)
		}
	}
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
	file, err := os.CreateTemp(filepath.Dir(k.path), filepath.Base(k.path)+".*")
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	err = errors.Join(k.write(file), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), k.path)
	}
	if err != nil {
		return fmt.Errorf("save state: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

func (k *Keeper) write(file io.Writer) error {
	buffered := bufio.NewWriter(file)
	encoder := json.NewEncoder(buffered)
	snapshot, err := k.agents.Snapshot(func(saved fleet.SavedAgent) error { return encoder.Encode(line{Agent: &saved}) })
	if err == nil {
		err = encoder.Encode(line{End: &end{version, snapshot}})
	}
	return errors.Join(err, buffered.Flush())
}
