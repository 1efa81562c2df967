// Command tinyolly-node holds the namespaces of a Kubernetes node, and carries connections between them and the host.
//
// The node's network is an island: no interface of the host leads there, and no firewall rule of the host changes.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"tinyolly.dev/platform/cluster/node/internal/cgroup"
	"tinyolly.dev/platform/cluster/node/internal/inside"
	"tinyolly.dev/platform/cluster/node/internal/outside"
)

// pairs is a flag "a=b" that may be given several times.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(text string) error {
	from, to, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("%q is not from=to", text)
	}
	p[from] = to
	return nil
}

// paths is a flag that may be given several times.
type paths []string

func (p *paths) String() string { return "" }

func (p *paths) Set(path string) error {
	*p = append(*p, path)
	return nil
}

func main() {
	settings := inside.Settings{Reach: pairs{}}
	publish := pairs{}
	flag.StringVar(&settings.Folder, "folder", "", "folder for sockets and init.pid")
	flag.IntVar(&settings.Owner, "owner", os.Getuid(), "user who may connect into the node")
	flag.StringVar(&settings.Address, "address", "10.244.0.1", "address of the node")
	flag.StringVar(&settings.Services, "services", "10.96.0.0/16", "addresses of Services")
	flag.Var(pairs(settings.Reach), "reach", "[address:]port=address: port of the node that leads to an address of the host")
	flag.Var(publish, "publish", "address=target: address of the host that leads to a target in the node")
	flag.Var((*paths)(&settings.Host.Written), "write", "path of the host that the node writes")
	flag.Var((*paths)(&settings.Host.Read), "read", "path of the host that the node reads")
	group := flag.String("cgroup", "", "control group of the pods")
	flag.Parse()

	run := func() error { return outside.Run(settings, publish, *group) }
	switch flag.Arg(0) {
	case "init":
		run = func() error { return inside.Run(settings, os.NewFile(3, "ready")) }
	case "remove-cgroup":
		run = func() error { return cgroup.Remove(*group) }
	}
	if err := run(); err != nil {
		slog.Error("the node cannot run", "error", err)
		os.Exit(1)
	}
}
