// Package cluster talks to the API server that a provider is configured for.
package cluster

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Settings say which cluster is meant, as a provider's inputs do.
type Settings struct {
	// Kubeconfig is the path or the content of a kubeconfig file. Empty means KUBECONFIG, then ~/.kube/config.
	Kubeconfig string
	Context    string
	Cluster    string
	Namespace  string
}

// DefaultNamespace is the namespace of objects that name none.
func (s Settings) DefaultNamespace() (string, error) {
	config, err := s.load()
	if err != nil {
		return "", err
	}
	namespace, _, err := config.Namespace()
	return namespace, err
}

// SameCluster says whether both settings lead to the same cluster entry, as far as a kubeconfig can tell.
func SameCluster(a, b Settings) bool {
	entryA, errA := a.entry()
	entryB, errB := b.entry()
	return errA == nil && errB == nil && reflect.DeepEqual(entryA, entryB)
}

func (s Settings) entry() (*api.Cluster, error) {
	config, err := s.load()
	if err != nil {
		return nil, err
	}
	raw, err := config.RawConfig()
	if err != nil {
		return nil, err
	}
	name := s.Cluster
	if name == "" {
		current := raw.CurrentContext
		if s.Context != "" {
			current = s.Context
		}
		context, ok := raw.Contexts[current]
		if !ok {
			return nil, fmt.Errorf("the kubeconfig has no context %q", current)
		}
		name = context.Cluster
	}
	cluster, ok := raw.Clusters[name]
	if !ok {
		return nil, fmt.Errorf("the kubeconfig has no cluster %q", name)
	}
	entry := cluster.DeepCopy()
	entry.LocationOfOrigin = ""
	return entry, nil
}

func (s Settings) restConfig() (*rest.Config, error) {
	config, err := s.load()
	if err != nil {
		return nil, err
	}
	return config.ClientConfig()
}

func (s Settings) load() (clientcmd.ClientConfig, error) {
	overrides := &clientcmd.ConfigOverrides{CurrentContext: s.Context}
	overrides.Context.Cluster = s.Cluster
	overrides.Context.Namespace = s.Namespace

	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if s.Kubeconfig == "" {
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides), nil
	}
	if _, err := os.Stat(s.Kubeconfig); err == nil {
		rules.ExplicitPath = s.Kubeconfig
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides), nil
	}
	content, err := clientcmd.Load([]byte(s.Kubeconfig))
	if err != nil || len(content.Clusters) == 0 {
		// Neither the text nor the parser's error may be shown: they can hold credentials.
		return nil, errors.New("kubeconfig is neither the path of a file that exists nor the content of such a file")
	}
	return clientcmd.NewNonInteractiveClientConfig(*content, s.Context, overrides, nil), nil
}
