package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const kubeconfig = `
apiVersion: v1
kind: Config
clusters:
- {name: one, cluster: {server: "https://one.example.test"}}
- {name: two, cluster: {server: "https://two.example.test"}}
users: [{name: u, user: {token: sesame}}]
contexts:
- {name: first, context: {cluster: one, user: u, namespace: shop}}
- {name: second, context: {cluster: two, user: u}}
current-context: first
`

func TestAKubeconfigIsAPathOrContent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{kubeconfig, file} {
		config, err := Settings{Kubeconfig: given, Context: "second"}.restConfig()
		if err != nil || config.Host != "https://two.example.test" || config.BearerToken != "sesame" {
			t.Errorf("%s leads to %+v: %v", given, config, err)
		}
	}
}

func TestWhatIsNoKubeconfigIsNotRepeated(t *testing.T) {
	_, err := Settings{Kubeconfig: "token: sesame"}.restConfig()
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("error is %v", err)
	}
}

func TestDefaultNamespace(t *testing.T) {
	for want, settings := range map[string]Settings{
		"shop":    {Kubeconfig: kubeconfig},
		"default": {Kubeconfig: kubeconfig, Context: "second"},
		"mine":    {Kubeconfig: kubeconfig, Namespace: "mine"},
	} {
		if got, err := settings.DefaultNamespace(); err != nil || got != want {
			t.Errorf("namespace is %q, want %q: %v", got, want, err)
		}
	}
}

func TestSameCluster(t *testing.T) {
	other := strings.Replace(kubeconfig, "token: sesame", "token: other", 1)
	moved := strings.Replace(kubeconfig, "https://one", "https://three", 1)
	one := Settings{Kubeconfig: kubeconfig}
	for name, test := range map[string]struct {
		settings Settings
		want     bool
	}{
		"another token":                 {Settings{Kubeconfig: other}, true},
		"the same context by its name":  {Settings{Kubeconfig: kubeconfig, Context: "first"}, true},
		"another context":               {Settings{Kubeconfig: kubeconfig, Context: "second"}, false},
		"another cluster by its name":   {Settings{Kubeconfig: kubeconfig, Cluster: "two"}, false},
		"another address":               {Settings{Kubeconfig: moved}, false},
		"a context that is not there":   {Settings{Kubeconfig: kubeconfig, Context: "third"}, false},
		"something that cannot be read": {Settings{Kubeconfig: "x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SameCluster(one, test.settings); got != test.want {
				t.Errorf("same is %v, want %v", got, test.want)
			}
		})
	}
}
