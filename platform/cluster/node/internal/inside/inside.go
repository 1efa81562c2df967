// Package inside is the first process of the node's namespaces: it sets up their network, takes in orphans, answers
// those who want to connect, and ends everything before it ends.
package inside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tinyolly.dev/platform/cluster/node/internal/root"
	"tinyolly.dev/platform/cluster/node/internal/tunnel"
)

// Sockets in the node's folder.
const (
	// Socket connects into the namespaces.
	Socket = "node.sock"
	// OutsideSocket connects out of them.
	OutsideSocket = "outside.sock"
)

// Settings of the node.
type Settings struct {
	// Folder of the sockets.
	Folder string
	// Owner is the user who may connect into the namespaces.
	Owner int
	// Address of the node in its own network.
	Address string
	// Services is the range of addresses of Kubernetes Services.
	Services string
	// Reach maps a port of the node, or one at another address of its network such as "127.0.0.1:443", to an address
	// outside.
	Reach map[string]string
	// Host has the paths of the host that the node sees; the folder of the sockets must be among the written ones.
	Host root.Paths
}

// kubeletFolder is short, since the sockets in it have a limit; what it holds is in the node's folder.
const kubeletFolder = "/run/kubelet"

// The time that pods have to end.
const grace = 8 * time.Second

// Run sets the namespaces up, closes `ready`, and serves until SIGTERM.
func Run(settings Settings, ready *os.File) error {
	if os.Getpid() != 1 {
		return errors.New("it is the first process of a namespace, and not for use by hand")
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if err := mounts(settings); err != nil {
		return err
	}
	if err := network(settings); err != nil {
		return err
	}
	if err := serve(settings); err != nil {
		return err
	}
	if err := ready.Close(); err != nil {
		return err
	}
	go reap()
	<-stop
	endAll()
	return nil
}

func mounts(settings Settings) error {
	if err := root.Enter(settings.Host); err != nil {
		return err
	}
	kept := filepath.Join(settings.Folder, "kubelet")
	if err := errors.Join(os.MkdirAll(kept, 0o755), os.Mkdir(kubeletFolder, 0o755)); err != nil {
		return err
	}
	if err := syscall.Mount(kept, kubeletFolder, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", kubeletFolder, err)
	}
	return nil
}

func network(settings Settings) error {
	for _, command := range []string{
		"link set lo up",
		"addr add " + settings.Address + "/32 dev lo",
		// Traffic of the node itself to Services needs a route before kube-proxy's rules turn it around.
		"route add " + settings.Services + " dev lo src " + settings.Address,
	} {
		if output, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", command, err, output)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let packets pass between pods: %w", err)
	}
	// CoreDNS need not be root.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("53"), 0o644); err != nil {
		return fmt.Errorf("let port 53 be listened on: %w", err)
	}
	return nil
}

func serve(settings Settings) error {
	inward, err := tunnel.Listen(filepath.Join(settings.Folder, Socket), settings.Owner)
	if err != nil {
		return err
	}
	tunnel.Go(func() error { return tunnel.Serve(inward, dialer(settings.Address)) })
	outside := tunnel.Through(filepath.Join(settings.Folder, OutsideSocket))
	for from, address := range settings.Reach {
		listener, err := net.Listen("tcp", at(settings.Address, from))
		if err != nil {
			return err
		}
		tunnel.Go(func() error { return tunnel.Forward(listener, address, outside) })
	}
	return nil
}

// at returns where a way out begins: a port alone is one of the node's own address.
func at(own, from string) string {
	if _, _, err := net.SplitHostPort(from); err == nil {
		return from
	}
	return net.JoinHostPort(own, from)
}

// dialer also knows the names of Services.
func dialer(address string) tunnel.Dial {
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, net.JoinHostPort(address, "53"))
		},
	}
	dialer := &net.Dialer{Resolver: resolver}
	return func(ctx context.Context, target string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp4", target)
	}
}

// reap waits for orphans, as the first process of a namespace must.
func reap() {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	for {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
		<-children
	}
}

// endAll asks every other process of the namespace to end; what does not is killed by the kernel with this one.
func endAll() {
	if err := syscall.Kill(-1, syscall.SIGTERM); errors.Is(err, syscall.ESRCH) {
		return
	}
	for deadline := time.Now().Add(grace); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if others, err := os.ReadDir("/proc"); err == nil && countProcesses(others) <= 1 {
			return
		}
	}
}

func countProcesses(entries []os.DirEntry) int {
	count := 0
	for _, entry := range entries {
		if strings.Trim(entry.Name(), "0123456789") == "" {
			count++
		}
	}
	return count
}
