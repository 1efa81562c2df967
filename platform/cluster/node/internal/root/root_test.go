package root

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The test is its own first process of a mount namespace.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "enter" {
		folder := os.Args[2]
		paths := Paths{Written: []string{folder + "/w"}, Read: []string{folder + "/r", folder + "/missing"}}
		if err := Enter(paths); err != nil {
			panic(err)
		}
		os.Exit(look(folder))
	}
	os.Exit(m.Run())
}

// look writes what is seen from within to the folder that it may write.
func look(folder string) int {
	var lines []string
	for _, top := range []string{"/", "/dev", filepath.Dir(folder), folder} {
		entries, err := os.ReadDir(top)
		if err != nil {
			panic(err)
		}
		for _, entry := range entries {
			lines = append(lines, filepath.Join(top, entry.Name()))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	readOnly := os.WriteFile(folder+"/r/file", nil, 0o644)
	if !errors.Is(readOnly, syscall.EROFS) || exec.Command("true").Run() != nil {
		panic("written, or no programs")
	}
	lines = append(lines, "mounts", string(mounts))
	if err = errors.Join(err, os.WriteFile(folder+"/w/seen", []byte(strings.Join(lines, "\n")), 0o644)); err != nil {
		panic(err)
	}
	return 0
}

func TestLittleOfTheHostIsLeft(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"w", "r", "secret"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	child := exec.Command("/proc/self/exe", "enter", folder)
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if output, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	content, err := os.ReadFile(filepath.Join(folder, "w/seen"))
	if err != nil {
		t.Fatal(err)
	}
	seen, mounts, _ := strings.Cut(string(content), "mounts\n")
	lines := strings.Fields(seen)
	for _, want := range []string{"/usr", "/proc", "/dev/null", folder + "/w", folder + "/r"} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s is missing in %s", want, seen)
		}
	}
	for _, other := range []string{"/root", "/home", "/boot", "/srv", "/mnt", folder + "/secret"} {
		if slices.Contains(lines, other) {
			t.Errorf("%s is there", other)
		}
	}
	for line := range strings.Lines(mounts) {
		target := strings.Fields(line)[1]
		known := slices.ContainsFunc([]string{"/usr", "/etc", "/dev", "/sys", "/proc", "/run", "/tmp", folder}, func(path string) bool {
			return target == path || strings.HasPrefix(target, path+"/")
		})
		if target != "/" && !known && !slices.Contains(programs, target) {
			t.Errorf("%s is mounted", target)
		}
	}
	// Nothing of it is left on the host.
	if _, err := os.Stat(filepath.Join(folder, "w", "root")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
