// Command tinyolly-volumes gives claims for storage a folder of this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"

	"tinyolly.dev/platform/cluster/node/internal/volumes"
)

const name = "tinyolly.dev/folder"

func main() {
	var provisioner volumes.Provisioner
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of the cluster")
	flag.StringVar(&provisioner.Folder, "folder", "", "folder that holds the volumes")
	flag.StringVar(&provisioner.Node, "node", "", "node on which the folder is")
	socket := flag.String("socket", "", "Unix socket that accepts connections while it works")
	owner := flag.Int("owner", os.Getuid(), "user who may connect to it")
	flag.Parse()
	if err := run(*kubeconfig, *socket, *owner, provisioner); err != nil {
		slog.Error("volumes cannot be made", "error", err)
		os.Exit(1)
	}
}

func run(kubeconfig, socket string, owner int, provisioner volumes.Provisioner) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if err := tellHealth(socket, owner); err != nil {
		return err
	}
	// There is one of it.
	controller.NewProvisionController(ctx, client, name, provisioner, controller.LeaderElection(false)).Run(ctx)
	return nil
}

// tellHealth accepts connections, which is all that a caller wants to know.
func tellHealth(socket string, owner int) error {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.Chown(socket, owner, -1); err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if err := conn.Close(); err != nil {
				slog.Debug("close failed", "error", err)
			}
		}
	}()
	return nil
}
