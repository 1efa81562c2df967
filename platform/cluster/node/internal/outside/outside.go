// Package outside is the part of the node that stays in the host's namespaces.
package outside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"tinyolly.dev/platform/cluster/node/internal/cgroup"
	"tinyolly.dev/platform/cluster/node/internal/inside"
	"tinyolly.dev/platform/cluster/node/internal/tunnel"
)

// Run makes the namespaces and serves until SIGTERM, or until their first process ends. `publish` maps an address of
// the host to a target in the node; `group` is the control group of the pods.
func Run(settings inside.Settings, publish map[string]string, group string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	// The kubelet spends seconds on each group that a killed node left.
	if err := cgroup.Remove(group); err != nil {
		return err
	}
	if err := cgroup.Ensure(group); err != nil {
		return err
	}
	if err := serve(settings, publish); err != nil {
		return err
	}
	child, err := startInside(settings)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case err = <-ended:
		err = fmt.Errorf("its first process ended: %w", err)
	case <-stop:
		// The whole process group may have got the signal, and a second one does no harm.
		err = errors.Join(child.Process.Signal(syscall.SIGTERM), <-ended)
	}
	return errors.Join(err, cgroup.Remove(group))
}

// startInside returns once the namespaces are set up.
func startInside(settings inside.Settings) (*exec.Cmd, error) {
	ready, written, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	child := exec.Command("/proc/self/exe", append(os.Args[1:], "init")...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.ExtraFiles = []*os.File{written}
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := child.Start(); err != nil {
		return nil, fmt.Errorf("make namespaces (this needs root): %w", err)
	}
	if err := written.Close(); err != nil {
		return nil, err
	}
	// Nothing is ever written: the end of the file is the message.
	if _, err := ready.Read(make([]byte, 1)); err == nil {
		return nil, errors.New("unexpected message from the first process")
	}
	pid := []byte(strconv.Itoa(child.Process.Pid))
	return child, os.WriteFile(filepath.Join(settings.Folder, "init.pid"), pid, 0o644)
}

func serve(settings inside.Settings, publish map[string]string) error {
	outward, err := tunnel.Listen(filepath.Join(settings.Folder, inside.OutsideSocket), os.Getuid())
	if err != nil {
		return err
	}
	addresses := make([]string, 0, len(settings.Reach))
	for _, address := range settings.Reach {
		addresses = append(addresses, address)
	}
	direct := func(ctx context.Context, address string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", address)
	}
	tunnel.Go(func() error { return tunnel.Serve(outward, tunnel.Only(addresses, direct)) })
	within := tunnel.Through(filepath.Join(settings.Folder, inside.Socket))
	for address, target := range publish {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		tunnel.Go(func() error { return tunnel.Forward(listener, target, within) })
	}
	return nil
}
