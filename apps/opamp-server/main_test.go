package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	"github.com/open-telemetry/opamp-go/protobufs"
)

const asServer = "TINYOLLY_TEST_AS_SERVER"

// TestMain lets the test binary be the server, so that tests can send it real signals.
func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	server := exec.CommandContext(t.Context(), os.Args[0])
	server.Env = append(os.Environ(), append(env, asServer+"=yes")...)
	return server
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestSIGTERMStopsWhileAnAgentIsConnected(t *testing.T) {
	opamp, rest := freeAddress(t), freeAddress(t)
	server := command(t, "OPAMP_LISTEN="+opamp, "REST_LISTEN="+rest)
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}

	connected := make(chan struct{})
	agent := client.NewWebSocket(nil)
	if err := agent.SetAgentDescription(&protobufs.AgentDescription{
		NonIdentifyingAttributes: []*protobufs.KeyValue{{Key: "host.name"}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(t.Context(), types.StartSettings{
		OpAMPServerURL: "ws://" + opamp + "/v1/opamp",
		InstanceUid:    types.InstanceUid(uuid.New()),
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.Stop(t.Context()) })

	lines := bufio.NewScanner(output)
	go func() {
		for lines.Scan() {
			var record struct{ Msg string }
			if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
				t.Errorf("log line is not JSON: %s", lines.Text())
			}
			if record.Msg == "agent appeared" {
				close(connected)
			}
		}
	}()
	select {
	case <-connected:
	case <-time.After(10 * time.Second):
		t.Fatal("the agent did not connect")
	}
	response, err := http.Get("http://" + rest + "/health")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("health is %v (%v)", response, err)
	}

	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	signalled := time.Now()
	if err := server.Wait(); err != nil {
		t.Errorf("the server ended with %v, want success", err)
	}
	if took := time.Since(signalled); took > 5*time.Second {
		t.Errorf("the server took %s to stop", took)
	}
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, test := range map[string]struct{ setting, message string }{
		"state file":    {"STATE_FILE=" + os.DevNull + "/x", "STATE_FILE"},
		"log level":     {"LOG_LEVEL=loud", "LOG_LEVEL is not DEBUG, INFO, WARN or ERROR"},
		"taken address": {"REST_LISTEN=" + taken.Addr().String(), "address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			server := command(t, "OPAMP_LISTEN=127.0.0.1:0", "REST_LISTEN=127.0.0.1:0", test.setting)
			var errors strings.Builder
			server.Stderr = &errors
			if err := server.Run(); err == nil {
				t.Error("the server ended with success")
			}
			if got := errors.String(); !strings.Contains(got, test.message) || strings.Count(got, "\n") != 1 {
				t.Errorf("message is %q, want one line with %q", got, test.message)
			}
		})
	}
}

// startServer starts a server and returns what ends it.
func startServer(t *testing.T, env ...string) (rest string, stop func()) {
	t.Helper()
	rest = freeAddress(t)
	server := command(t, append(env, "OPAMP_LISTEN=127.0.0.1:0", "REST_LISTEN="+rest)...)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, rest)
	return rest, func() {
		t.Helper()
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended with %v, want success", err)
		}
	}
}

func TestStateOutlivesTheServer(t *testing.T) {
	file := "STATE_FILE=" + filepath.Join(t.TempDir(), "state.json")
	ask := func(method, rest, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+rest+"/api/v1/config", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("If-Match", "*")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(content)
	}
	rest, stop := startServer(t, file)
	status, set := ask(http.MethodPut, rest, `{"files":{"":"receivers: {otlp: }"}}`)
	if status != http.StatusAccepted {
		t.Fatalf("reply is %d %s", status, set)
	}
	stop()
	rest, stop = startServer(t, file)
	if _, kept := ask(http.MethodGet, rest, ""); kept != set {
		t.Errorf("the configuration is %s, want %s", kept, set)
	}
	stop()
}

// await waits until the server answers.
func await(t *testing.T, rest string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		response, err := http.Get("http://" + rest + "/health")
		if err == nil {
			_ = response.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not answer: %v", err)
		}
	}
}
