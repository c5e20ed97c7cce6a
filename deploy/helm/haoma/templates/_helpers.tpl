{{- define "haoma.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "haoma.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "haoma.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: service
{{- end }}

{{- define "haoma.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "haoma.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "haoma.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "haoma.mounts" -}}
- name: config
  mountPath: /etc/haoma/haoma.toml
  subPath: haoma.toml
  readOnly: true
- name: secrets
  mountPath: /etc/haoma/secrets
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "haoma.volumes" -}}
- name: config
  configMap:
    name: {{ include "haoma.name" . }}
- name: secrets
  secret:
    secretName: {{ required "existingSecret is the Secret that holds the keys" .Values.existingSecret }}
    defaultMode: 0440
- name: tmp
  emptyDir: {}
{{- end }}
