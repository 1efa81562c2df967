package local

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcessPassesStdinEnvironmentAndFolder(t *testing.T) {
	dir := t.TempDir()
	var stdout bytes.Buffer
	child := process{
		argv:   []string{"/bin/sh", "-c", `cat; echo "$GREETING"; pwd`},
		dir:    dir,
		env:    []string{"GREETING=hello"},
		stdin:  "in\n",
		stdout: &stdout,
	}
	if err := child.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "in\nhello\n" + dir + "\n"; stdout.String() != want {
		t.Errorf("stdout is %q, want %q", stdout.String(), want)
	}
}

func TestCancellationEndsTheWholeProcessGroup(t *testing.T) {
	for name, script := range map[string]string{
		"a child that ends when asked":      `sleep 60 & echo $! >"$PID"; wait`,
		"a grandchild that does not listen": `(trap '' TERM; sh -c 'trap "" TERM; echo $$ >"$PID"; sleep 60; sleep 60') & wait`,
	} {
		t.Run(name, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				child := process{
					argv: []string{"/bin/sh", "-c", script},
					env:  append(os.Environ(), "PID="+pidFile),
				}
				ended <- child.run(ctx)
			}()
			pid := waitForPid(t, pidFile)
			cancelled := time.Now()
			cancel()

			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error is %v, want %v", err, context.Canceled)
				}
			case <-time.After(grace + 5*time.Second):
				t.Fatal("the command outlives its cancellation")
			}
			if took := time.Since(cancelled); took >= 2*grace {
				t.Errorf("the end took %v, want one grace of %v", took, grace)
			}
			if !endsSoon(pid) {
				t.Errorf("process %d outlives the cancellation", pid)
			}
		})
	}
}

func TestACommandThatEndsOfItselfKeepsItsError(t *testing.T) {
	child := process{argv: []string{"/bin/sh", "-c", "exit 3"}}
	var exit *exec.ExitError
	if err := child.run(t.Context()); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("error is %v, want exit status 3", err)
	}
}

func waitForPid(t *testing.T, file string) int {
	t.Helper()
	for range 100 {
		content, _ := os.ReadFile(file)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(content))); err == nil {
			return pid
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the command did not start")
	return 0
}

// endsSoon allows for the moment until whoever inherits a killed process collects it.
func endsSoon(pid int) bool {
	for range 40 {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") || syscall.Kill(pid, 0) != nil {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}
