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
	"syscall"
	"time"
)

const (
	root     = "/sys/fs/cgroup"
	patience = 3 * time.Second
)

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
		err = errors.Join(err, removeGroup(path))
	}
	return err
}

// removeGroup waits for the processes of a group, which the kernel takes out one by one. The files in it go with it.
func removeGroup(path string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := os.Remove(path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("remove a control group: %w", err)
		}
	}
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
		// With version 1 there may be one of version 2 beside the others.
		kind := len(fields) > 2 && (fields[2] == "cgroup" || fields[2] == "cgroup2")
		if kind && strings.HasPrefix(fields[1], root) {
			found = append(found, fields[1])
		}
	}
	return found, nil
}
