module tinyolly.dev/test/chart/crds

go 1.26.0

require (
	github.com/open-telemetry/opentelemetry-operator v0.140.0
	sigs.k8s.io/gateway-api v1.4.1
)
