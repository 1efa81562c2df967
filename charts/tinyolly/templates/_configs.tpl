{{/* Both configurations are rendered here, so that a checksum of them leaves out the labels, which change with every version. */}}
{{- define "tinyolly.redisConfig" -}}
dir /data
save ""
appendonly yes
appendfsync everysec
maxmemory {{ .Values.redis.maxMemory }}
maxmemory-policy {{ .Values.redis.maxMemoryPolicy }}
{{- end -}}

{{- define "tinyolly.otelcolConfig" -}}
{{- $default := include "tinyolly.otelcolDefaultConfig" . | fromYaml -}}
{{- mustMergeOverwrite $default (deepCopy .Values.otelCollector.config) | toYaml -}}
{{- end -}}

{{- define "tinyolly.otelcolDefaultConfig" -}}
extensions:
  health_check:
    endpoint: 0.0.0.0:13133
  opamp:
    server:
      ws:
        endpoint: ws://{{ include "tinyolly.host" (dict "root" . "component" "opamp-server") }}:{{ .Values.opampServer.service.opampPort }}/v1/opamp
        tls:
          insecure: true
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
      http:
        endpoint: 0.0.0.0:4318
processors:
  memory_limiter:
    check_interval: 1s
    limit_percentage: 80
    spike_limit_percentage: 20
  resource:
    attributes:
      - key: k8s.node.name
        value: ${env:K8S_NODE_NAME}
        action: insert
  batch: {}
exporters:
  otlp_grpc:
    endpoint: {{ include "tinyolly.host" (dict "root" . "component" "otlp-receiver") }}:{{ .Values.otlpReceiver.service.port }}
    tls:
      insecure: true
service:
  extensions: [health_check, opamp]
  pipelines:
    {{- range list "traces" "metrics" "logs" }}
    {{ . }}:
      receivers: [otlp]
      processors: [memory_limiter, resource, batch]
      exporters: [otlp_grpc]
    {{- end }}
{{- end -}}
