{{/*
The workloads: one for each role of each service and of the edge, as a map of name to what it is
made of. Everything else ranges over it.
*/}}
{{- define "malha.workloads" -}}
{{- $all := merge (dict "edge" .Values.edge) .Values.services -}}
{{- range $service, $own := $all }}
{{- $merged := mergeOverwrite (deepCopy $.Values.defaults) (deepCopy (default dict $own)) }}
{{- range $index, $role := $merged.roles }}
{{- $spec := mergeOverwrite (deepCopy (omit $merged "rpc" "worker")) (deepCopy (default dict (get $merged $role))) }}
{{- $_ := set $spec "service" $service }}
{{- $_ := set $spec "role" $role }}
{{- /* The first role is the one that is called. */}}
{{- $_ := set $spec "serves" (eq $index 0) }}
{{- $_ := set $spec "portName" (ternary "http" "grpc" (eq $service "edge")) }}
{{- $_ := set $spec "module" (default (printf "services.%s" $service) $spec.module) }}
{{ printf "%s-%s" $service $role }}: {{ toJson $spec }}
{{- end }}
{{- end }}
{{- end }}

{{/* The gateway, in the shape of a workload, for what all workloads have. */}}
{{- define "malha.gateway" -}}
{{ mergeOverwrite (deepCopy .Values.gateway) (dict "service" "gateway" "role" "envoy") | toJson }}
{{- end }}

{{- define "malha.labels" -}}
{{ include "malha.selector" . }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "malha.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .spec.service }}
malha.io/role: {{ .spec.role }}
{{- end }}

{{- define "malha.component" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "malha.image" -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{/* What every pod has: it is nobody, may write nowhere but /tmp, and spreads over the zones. */}}
{{- define "malha.pod" -}}
automountServiceAccountToken: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- with .spec.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .spec.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- end }}

{{- define "malha.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "malha.selector" $ | fromYaml | toJson }}
  {{- end }}
{{- end }}

{{- define "malha.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* What every process is told. Secrets come from the secrets, by service. */}}
{{- define "malha.environment" -}}
envFrom:
  - secretRef: { name: {{ .root.Values.secretPrefix }}-shared }
  - secretRef: { name: {{ .root.Values.secretPrefix }}-{{ .spec.service }} }
env:
  - { name: MALHA_SERVICE_NAME, value: {{ .spec.service | quote }} }
  - { name: MALHA_PUBLIC_URL, value: {{ .root.Values.publicUrl | quote }} }
  - { name: MALHA_LOG_LEVEL, value: {{ .root.Values.logLevel | quote }} }
  - { name: MALHA_PEERS, value: {{ include "malha.peers" .root | quote }} }
  {{- with .root.Values.redisUrl }}
  - { name: MALHA_REDIS_URL, value: {{ . | quote }} }
  {{- end }}
  {{- with .root.Values.natsUrl }}
  - { name: MALHA_NATS_URL, value: {{ . | quote }} }
  {{- end }}
{{- end }}

{{/* Where the services are, for the services. */}}
{{- define "malha.peers" -}}
{{- $peers := dict }}
{{- range $name, $spec := include "malha.workloads" . | fromYaml }}
{{- if and $spec.serves (ne $spec.service "edge") }}
{{- $_ := set $peers $spec.service (printf "dns:///%s-%s:%d" $.Release.Name $spec.service (int $spec.port)) }}
{{- end }}
{{- end }}
{{- toJson $peers }}
{{- end }}

{{/* Where everything is, for Envoy. */}}
{{- define "malha.mesh" -}}
{{- $clusters := dict }}
{{- range $name, $spec := include "malha.workloads" . | fromYaml }}
{{- if $spec.serves }}
{{- $_ := set $clusters $spec.service (printf "%s-%s:%d" $.Release.Name $spec.service (int $spec.port)) }}
{{- end }}
{{- end }}
{{- with .Values.gateway }}
{{- dict "http_port" .httpPort "grpc_port" .grpcPort "metrics_port" .metricsPort "bind" "0.0.0.0" "trusted_hops" .trustedHops "admin_socket" "/tmp/envoy-admin.sock" "clusters" $clusters | toPrettyJson }}
{{- end }}
{{- end }}
