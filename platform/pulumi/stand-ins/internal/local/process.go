package local

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is how long a cancelled command may take to end by itself.
const grace = 2 * time.Second

// process is a child process that leads a process group of its own.
type process struct {
	argv   []string
	dir    string
	env    []string
	stdin  string
	stdout io.Writer
	stderr io.Writer
}

// run waits for the process to end. Once ctx is done the whole group is asked to end and, where it does not within the
// grace, killed.
func (p process) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	if p.stdin != "" {
		cmd.Stdin = strings.NewReader(p.stdin)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var deadline time.Time
	cmd.Cancel = func() error {
		deadline = time.Now().Add(grace)
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	cmd.WaitDelay = grace

	if err := cmd.Start(); err != nil {
		return err
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		endGroup(cmd.Process.Pid, deadline)
		return ctx.Err()
	}
	return err
}

// endGroup waits until the deadline for what outlives the leader of a process group, then kills it.
func endGroup(leader int, deadline time.Time) {
	for ; time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if syscall.Kill(-leader, 0) != nil {
			return
		}
	}
	_ = syscall.Kill(-leader, syscall.SIGKILL)
}
