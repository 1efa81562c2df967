// Command argocd is Argo CD's application controller and repo server: of eleven programs, those that the platform runs. The
// name under which it is called says which of them it is.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/util/log"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

var servers = map[string]func() *cobra.Command{
	common.CommandApplicationController: controller.NewCommand,
	common.CommandRepoServer:            reposerver.NewCommand,
}

func main() {
	klog.SetLogger(log.NewLogrusLogger(log.NewWithCurrentConfig()))
	name := filepath.Base(os.Args[0])
	server, known := servers[name]
	if !known {
		fmt.Fprintf(os.Stderr, "%s is no program of Argo CD that is in here\n", name)
		os.Exit(2)
	}
	if server().Execute() != nil {
		os.Exit(1)
	}
}
