package cgroup_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tinyolly.dev/platform/cluster/node/internal/cgroup"
)

func find(t *testing.T, name string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("/sys/fs/cgroup", "*", name))
	if err != nil {
		t.Fatal(err)
	}
	top := filepath.Join("/sys/fs/cgroup", name)
	if _, err := os.Stat(top); !errors.Is(err, fs.ErrNotExist) {
		found = append(found, top)
	}
	return found
}

func TestAGroupIsMadeInEachHierarchyAndGoesWithAllBelowIt(t *testing.T) {
	name := fmt.Sprintf("tinyolly-test-%d", os.Getpid())
	if err := cgroup.Ensure(name); err != nil {
		t.Fatal(err)
	}
	groups := find(t, name)
	if len(groups) == 0 {
		t.Fatal("no group was made")
	}
	for _, group := range groups {
		if err := os.MkdirAll(filepath.Join(group, "pods", "one"), 0o755); err != nil {
			t.Error(err)
		}
	}
	if err := cgroup.Ensure(name); err != nil {
		t.Errorf("a group that is there: %v", err)
	}
	if err := cgroup.Remove(name); err != nil {
		t.Error(err)
	}
	if left := find(t, name); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := cgroup.Remove(name); err != nil {
		t.Errorf("a group that is gone: %v", err)
	}
}
