package local

import (
	"strings"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func TestOtherTypesAreRefusedWithTheCure(t *testing.T) {
	provider, err := NewProvider()
	if err != nil {
		t.Fatal(err)
	}
	_, check := provider.Check(t.Context(), p.CheckRequest{
		Urn: resource.URN("urn:pulumi:s::p::command:remote:Command::c"),
	})
	_, invoke := provider.Invoke(t.Context(), p.InvokeRequest{Token: "command:local:run"})

	for err, token := range map[error]string{check: "command:remote:Command", invoke: "command:local:run"} {
		for _, part := range []string{token, "stand-in", "pulumi plugin install resource command 1.2.1"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v does not say %q", err, part)
			}
		}
	}
}
