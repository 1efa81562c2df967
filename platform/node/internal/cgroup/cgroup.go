// Package cgroup makes and removes the control groups in which the pods of a node live.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const root = "/sys/fs/cgroup"

// Ensure makes the group `name` at the top of each hierarchy.
func Ensure(name string) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		if err := os.MkdirAll(filepath.Join(hierarchy, name), 0o755); err != nil {
			return fmt.Errorf("make control group %s: %w", name, err)
		}
	}
	return nil
}

// Remove deletes the group `name` and all below it; their processes must have ended.
func Remove(name string) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	var failures []error
	for _, hierarchy := range hierarchies {
		failures = append(failures, removeTree(filepath.Join(hierarchy, name)))
	}
	return errors.Join(failures...)
}

func removeTree(group string) error {
	var groups []string
	err := filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			groups = append(groups, path)
		}
		return err
	})
	slices.Reverse(groups)
	for _, path := range groups {
		// The files in a group go with it.
		if removeErr := os.Remove(path); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}

// hierarchies lists the mounted ones: one of version 2, or one for each controller of version 1.
func hierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		return []string{root}, nil
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("read the mounts: %w", err)
	}
	var found []string
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[2] == "cgroup" && strings.HasPrefix(fields[1], root) {
			found = append(found, fields[1])
		}
	}
	return found, nil
}
