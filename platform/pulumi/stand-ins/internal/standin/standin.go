// Package standin names the official plugin that a binary of this module stands in for.
package standin

import "fmt"

// Plugin is the official resource plugin whose place a stand-in takes.
type Plugin struct {
	Name    string
	Version string
}

var (
	// Command is the plugin of the npm package @pulumi/command.
	Command = Plugin{Name: "command", Version: "1.2.1"}
	// Kubernetes is the plugin of the npm package @pulumi/kubernetes.
	Kubernetes = Plugin{Name: "kubernetes", Version: "4.34.2"}
)

// Description says in one sentence what the binary is; it goes into the schema.
func (p Plugin) Description() string {
	return fmt.Sprintf("Stand-in for the %s plugin %s where Pulumi's plugin download cannot be had.", p.Name, p.Version)
}

// NotServed is the error for a resource, function or setting that only the official plugin knows.
func (p Plugin) NotServed(what string) error {
	return fmt.Errorf("%s is not served by TinyOlly's stand-in for the %s plugin; "+
		"install the official one with `pulumi plugin install resource %s %s`",
		what, p.Name, p.Name, p.Version)
}
