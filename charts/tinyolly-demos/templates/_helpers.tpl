{{/* Takes the root context. What every object's name begins with: at most 46 characters, and fit for a Service. */}}
{{- define "tinyolly-demos.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- end -}}
{{- if regexMatch "^[a-z]([-a-z0-9]{0,44}[a-z0-9])?$" $name -}}
{{- $name -}}
{{- else -}}
{{- $label := $name | replace "." "-" | regexFind "[a-z].*" | default .Chart.Name -}}
{{- printf "%s-%s" ($label | trunc 37 | trimSuffix "-") ($name | sha256sum | trunc 8) -}}
{{- end -}}
{{- end -}}

{{/* This and the helpers below take (dict "root" $ "component" <name> "values" <its values>). */}}
{{- define "tinyolly-demos.name" -}}
{{- list (include "tinyolly-demos.fullname" .root) .component | compact | join "-" -}}
{{- end -}}

{{- define "tinyolly-demos.host" -}}
{{- printf "%s.%s.svc.%s" (include "tinyolly-demos.name" .) .root.Release.Namespace .root.Values.clusterDomain -}}
{{- end -}}

{{- define "tinyolly-demos.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default .root.Chart.Name | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "tinyolly-demos.labels" -}}
{{ include "tinyolly-demos.selectorLabels" . }}
app.kubernetes.io/part-of: tinyolly
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | replace "+" "_" | trunc 63 | trimAll "-_." | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end -}}

{{- define "tinyolly-demos.metadata" -}}
name: {{ include "tinyolly-demos.name" . }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "tinyolly-demos.labels" . | nindent 2 }}
{{- end -}}

{{/* Leaves out the version labels: a pod must roll only when its own image or settings change. */}}
{{- define "tinyolly-demos.podMetadata" -}}
labels:
  {{- merge (include "tinyolly-demos.selectorLabels" . | fromYaml) (.values.podLabels | default dict) | toYaml | nindent 2 }}
{{- with merge (.annotations | default dict) (.values.podAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tinyolly-demos.podSpec" -}}
serviceAccountName: {{ include "tinyolly-demos.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "tinyolly-demos.selectorLabels" . | fromYaml)) }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{- merge dict . (hasKey . "labelSelector" | ternary dict $selector) | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
Takes (dict "image" <its values> "key" <their path> "defaultTag" <tag used without tag and digest> "folder" <what stands
before the last part of the repository>). A tag stands only where there is no
digest, since another tag of the same digest must not roll pods.
*/}}
{{- define "tinyolly-demos.image" -}}
{{- with .folder }}{{ . }}/{{ base $.image.repository }}{{ else }}{{ .image.repository }}{{ end -}}
{{- if .image.digest -}}
@{{ .image.digest }}
{{- else -}}
:{{ .image.tag | default .defaultTag | required (printf "\"%s\" has neither a tag nor a digest. Set \"%s.tag\" or \"%s.digest\"." .key .key .key) }}
{{- end -}}
{{- end -}}

{{/* Takes (dict "name" <port> "appProtocol" <protocol> "service" <its values> "key" <their path>). */}}
{{- define "tinyolly-demos.servicePort" -}}
{{- if and .service.nodePort (eq .service.type "ClusterIP") -}}
{{- fail (printf "\"%s.nodePort\" is %v, but a Service of type ClusterIP has none. Set \"%s.type\" to NodePort or LoadBalancer, or the port to 0." .key .service.nodePort .key) -}}
{{- end -}}
- name: {{ .name }}
  port: {{ .service.port }}
  targetPort: {{ .name }}
  appProtocol: {{ .appProtocol }}
  {{- with .service.nodePort }}
  nodePort: {{ . }}
  {{- end }}
{{- end -}}

{{/* Takes (dict "own" <YAML list of the chart's variables> "extra" <list of the user's> "key" <values path of the latter>). */}}
{{- define "tinyolly-demos.env" -}}
{{- $own := .own | fromYamlArray -}}
{{- $names := list -}}
{{- range $own }}{{ $names = append $names .name }}{{ end -}}
{{- $key := .key -}}
{{- range .extra -}}
{{- if has .name $names -}}
{{- fail (printf "\"%s\" sets %s, which the chart sets itself. Remove it; the value that belongs to it is described in values.yaml." $key .name) -}}
{{- end -}}
{{- end -}}
{{- concat $own (.extra | default list) | toYaml -}}
{{- end -}}

{{/* The pods of the restricted Pod Security Standard. */}}
{{- define "tinyolly-demos.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "tinyolly-demos.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Takes the root context. */}}
{{- define "tinyolly-demos.serviceAccountName" -}}
{{- with .Values.serviceAccount -}}
{{- .name | default (ternary (include "tinyolly-demos.fullname" $) "default" .create) -}}
{{- end -}}
{{- end -}}

{{/* Takes (dict "root" $ "component" <name>). */}}
{{- define "tinyolly-demos.otelEnv" -}}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .root.Values.otlp.endpoint | quote }}
- name: OTEL_SERVICE_NAME
  value: demo-{{ .component }}
{{- end -}}
