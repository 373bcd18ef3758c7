{{- define "insights.labels" -}}
app.kubernetes.io/name: insights-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: observer-coordinator-insights
{{- end }}

{{- define "insights.selector" -}}
app.kubernetes.io/name: insights-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "insights.common" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: observer-coordinator-insights
{{- end }}

{{- define "insights.to" -}}
- to:
    {{- range .cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{- define "insights.rules" -}}
- apiGroups: [insights.observer.io]
  resources: [analysisruns]
  # create and delete: schedules make runs, and time-to-live and history limits remove them;
  # patch: the finalizer of runs whose results are erased with them. A spec is never written.
  verbs: [get, list, watch, create, delete, patch]
- apiGroups: [insights.observer.io]
  resources: [analysisschedules]
  verbs: [list, watch]
- apiGroups: [insights.observer.io]
  resources: [analysisruns/status, analysisschedules/status]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
{{- end }}

{{- define "insights.dns" -}}
- to:
    - namespaceSelector: {}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    {{- range .Values.networkPolicies.nameServers }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* Database role of a tenant's drivers, from (environment, namespace): insights_store.tenancy has the same. */}}
{{- define "insights.role" -}}
{{- $environment := index . 0 -}}
{{- $namespace := index . 1 -}}
{{- $plain := printf "driver_%s__%s" $environment $namespace | replace "-" "_" -}}
{{- if or (gt (len $plain) 63) (contains "--" (print $environment "" $namespace)) -}}
driverx_{{ printf "%s/%s" $environment $namespace | sha256sum | trunc 32 }}
{{- else -}}
{{ $plain }}
{{- end -}}
{{- end }}
