package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"
)

// run executes command as the state's inputs say and returns what it left behind.
func run(ctx context.Context, command string, state State) (Outputs, error) {
	var stdout, stderr bytes.Buffer
	var both shared
	log := p.GetLogger(ctx).InfoStatus
	outLines, errLines := &lines{log: log}, &lines{log: log}

	outWriters := []io.Writer{&stdout, &both}
	if state.Logging.stdout() {
		outWriters = append(outWriters, outLines)
	}
	errWriters := []io.Writer{&stderr, &both}
	if state.Logging.stderr() {
		errWriters = append(errWriters, errLines)
	}

	child := process{
		argv:   append(interpreter(state.Args), command),
		dir:    value(state.Dir),
		env:    environment(state),
		stdin:  value(state.Stdin),
		stdout: io.MultiWriter(outWriters...),
		stderr: io.MultiWriter(errWriters...),
	}
	err := child.run(ctx)
	outLines.flush()
	errLines.flush()
	if err != nil {
		return state.Outputs, fmt.Errorf("%w: running %q:\n%s", err, command, text(both.Bytes()))
	}

	out := Outputs{
		Stdout:  strings.TrimSuffix(text(stdout.Bytes()), "\n"),
		Stderr:  strings.TrimSuffix(text(stderr.Bytes()), "\n"),
		Assets:  state.Assets,
		Archive: state.Archive,
	}
	if state.AssetPaths != nil {
		if out.Assets, err = assets(child.dir, *state.AssetPaths); err != nil {
			return out, err
		}
	}
	if state.ArchivePaths != nil {
		if out.Archive, err = archive(child.dir, *state.ArchivePaths); err != nil {
			return out, err
		}
	}
	return out, nil
}

func interpreter(args Args) []string {
	if args.Interpreter == nil || len(*args.Interpreter) == 0 {
		return []string{"/bin/sh", "-c"}
	}
	return append([]string(nil), *args.Interpreter...)
}

func environment(state State) []string {
	env := os.Environ()
	if state.Environment != nil {
		for name, value := range *state.Environment {
			env = append(env, name+"="+value)
		}
	}
	if state.AddPreviousOutputInEnv == nil || *state.AddPreviousOutputInEnv {
		if state.Stdout != "" {
			env = append(env, "PULUMI_COMMAND_STDOUT="+state.Stdout)
		}
		if state.Stderr != "" {
			env = append(env, "PULUMI_COMMAND_STDERR="+state.Stderr)
		}
	}
	return env
}

// text makes output fit for the protocol, which carries nothing but UTF-8.
func text(output []byte) string {
	return strings.ToValidUTF8(string(output), "\uFFFD")
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// shared is a buffer that both output streams of a process write to.
type shared struct {
	mu sync.Mutex
	bytes.Buffer
}

func (s *shared) Write(output []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.Write(output)
}
