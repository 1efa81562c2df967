package local

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
)

func ptr[T any](value T) *T { return &value }

func create(t *testing.T, args Args) (State, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	made, err := new(Command).Create(ctx, infer.CreateRequest[Args]{Name: "c", Inputs: args})
	return made.Output, err
}

func TestOneTrailingNewlineIsCutFromEachStream(t *testing.T) {
	state, err := create(t, Args{Create: ptr(`printf 'a\n\n'; printf 'b\n' >&2`)})
	if err != nil {
		t.Fatal(err)
	}
	if state.Stdout != "a\n" || state.Stderr != "b" {
		t.Errorf("stdout is %q and stderr %q", state.Stdout, state.Stderr)
	}
}

func TestALineOfManyMegabytesIsCaptured(t *testing.T) {
	state, err := create(t, Args{Create: ptr("head -c 3000000 /dev/zero | tr '\\0' x")})
	if err != nil {
		t.Fatal(err)
	}
	if state.Stdout != strings.Repeat("x", 3_000_000) {
		t.Errorf("stdout has %d bytes", len(state.Stdout))
	}
}

func TestAPreviewRunsNothing(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	args := Args{Create: ptr("touch " + ran)}
	command := new(Command)
	if _, err := command.Create(t.Context(), infer.CreateRequest[Args]{Name: "c", Inputs: args, DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := command.Update(t.Context(), infer.UpdateRequest[Args, State]{Inputs: args, DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command ran")
	}
}

func TestAnUpdateSeesTheOutputOfTheRunBefore(t *testing.T) {
	const show = `echo "[$PULUMI_COMMAND_STDOUT][$PULUMI_COMMAND_STDERR]"`
	for name, test := range map[string]struct {
		args Args
		want string
	}{
		"by default":                   {Args{Update: ptr(show)}, "[out][err]"},
		"unless it is switched off":    {Args{Update: ptr(show), AddPreviousOutputInEnv: ptr(false)}, "[][]"},
		"and in create without update": {Args{Create: ptr(show)}, "[out][err]"},
	} {
		t.Run(name, func(t *testing.T) {
			before := State{Outputs: Outputs{Stdout: "out", Stderr: "err"}}
			after, err := new(Command).Update(t.Context(), infer.UpdateRequest[Args, State]{State: before, Inputs: test.args})
			if err != nil || after.Output.Stdout != test.want {
				t.Errorf("stdout is %q, want %q: %v", after.Output.Stdout, test.want, err)
			}
		})
	}
}

func TestADeleteUsesTheInputsOfTheLastRun(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	state := State{Args: Args{Delete: ptr(`printf %s "$A" >` + log), Environment: &map[string]string{"A": "old"}}}
	if _, err := new(Command).Delete(t.Context(), infer.DeleteRequest[State]{State: state}); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(log); string(content) != "old" {
		t.Errorf("the command saw %q", content)
	}
}

func TestAFailureNamesStatusCommandAndOutput(t *testing.T) {
	_, err := create(t, Args{Create: ptr("echo out; exit 3")})
	if want := "exit status 3: running \"echo out; exit 3\":\nout\n"; err == nil || err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}

func TestAnInterpreterGetsTheCommandLast(t *testing.T) {
	state, err := create(t, Args{Create: ptr("x"), Interpreter: &[]string{"/bin/echo", "-n", "run"}})
	if err != nil || state.Stdout != "run x" {
		t.Errorf("stdout is %q: %v", state.Stdout, err)
	}
}

func TestPatternsChooseFiles(t *testing.T) {
	dir := t.TempDir()
	state, err := create(t, Args{
		Create:       ptr("mkdir -p sub && touch a.txt b.txt c.md sub/d.txt"),
		Dir:          &dir,
		AssetPaths:   &[]string{"*.txt", "!b.txt"},
		ArchivePaths: &[]string{"**.txt"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for file := range *state.Assets {
		found = append(found, file)
	}
	if want := []string{"a.txt"}; !reflect.DeepEqual(found, want) {
		t.Errorf("assets are %q, want %q", found, want)
	}

	files, _ := state.Archive.GetAssets()
	var archived []string
	for file := range files {
		archived = append(archived, file)
	}
	slices.Sort(archived)
	if want := []string{"a.txt", "b.txt", "sub/d.txt"}; !reflect.DeepEqual(archived, want) {
		t.Errorf("the archive holds %q, want %q", archived, want)
	}
}
