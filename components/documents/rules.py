"""What an API server wants of Kubernetes' own types beyond what its OpenAPI document says.

Each table goes by a type of `kubernetes.json`, so that a rule holds wherever the type is used: one
of a container holds in each pod, and in each template of one. Source: the validation of
k8s.io/kubernetes v1.37 (pkg/apis/*/validation). `tests/engine` asks an API server for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

REQUIRED: Mapping[str, Sequence[str]] = {
    "admissionregistration.v1.NamedRuleWithOperations": ("apiGroups", "apiVersions", "resources"),
    "admissionregistration.v1.RuleWithOperations": ("apiGroups", "apiVersions", "resources"),
    "apps.v1.ReplicaSet": ("spec",),
    "apps.v1.ReplicaSetSpec": ("selector", "template"),
    "batch.v1.Job": ("spec",),
    "batch.v1.JobTemplateSpec": ("spec",),
    "core.v1.ConfigMapEnvSource": ("name",),
    "core.v1.ConfigMapKeySelector": ("name",),
    "core.v1.ConfigMapProjection": ("name",),
    "core.v1.ConfigMapVolumeSource": ("name",),
    "core.v1.Container": ("image",),
    "core.v1.EphemeralVolumeSource": ("volumeClaimTemplate",),
    "core.v1.ExecAction": ("command",),
    "core.v1.PersistentVolume": ("spec",),
    "core.v1.PersistentVolumeClaim": ("spec",),
    "core.v1.PersistentVolumeClaimSpec": ("accessModes", "resources"),
    "core.v1.PersistentVolumeSpec": ("accessModes", "capacity"),
    "core.v1.Pod": ("spec",),
    "core.v1.PodTemplate": ("template",),
    "core.v1.PodTemplateSpec": ("spec",),
    "core.v1.SecretEnvSource": ("name",),
    "core.v1.SecretKeySelector": ("name",),
    "core.v1.SecretProjection": ("name",),
    "core.v1.SecretVolumeSource": ("secretName",),
    "core.v1.Service": ("spec",),
    "networking.v1.Ingress": ("spec",),
    "networking.v1.IngressClass": ("spec",),
    "networking.v1.IngressClassSpec": ("controller",),
}
"""Fields that may not be absent or empty, beside those that the OpenAPI document calls required."""

_HANDLERS = ("exec", "httpGet", "tcpSocket")
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")

NEEDED: Mapping[str, Sequence[str]] = {
    "core.v1.EnvFromSource": ("configMapRef", "secretRef"),
    "core.v1.EnvVarSource": _ENV_SOURCES,
    "core.v1.LifecycleHandler": (*_HANDLERS, "sleep"),
    "core.v1.Probe": (*_HANDLERS, "grpc"),
    "networking.v1.IngressBackend": ("service", "resource"),
    "networking.v1.IngressServiceBackend": ("port",),
    "networking.v1.IngressSpec": ("rules", "defaultBackend"),
    "networking.v1.NetworkPolicyPeer": ("ipBlock", "podSelector", "namespaceSelector"),
    "networking.v1.ServiceBackendPort": ("name", "number"),
}
"""Fields of which at least one has to be there."""

EXCLUSIVE: Mapping[str, Sequence[str]] = {
    "core.v1.EnvFromSource": ("configMapRef", "secretRef"),
    "core.v1.EnvVar": ("value", "valueFrom"),
    "core.v1.EnvVarSource": _ENV_SOURCES,
    "core.v1.LifecycleHandler": (*_HANDLERS, "sleep"),
    "core.v1.Probe": (*_HANDLERS, "grpc"),
    "core.v1.Volume": (
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "hostPath", "image", "nfs"),
        *("persistentVolumeClaim", "projected", "secret"),
    ),
    "networking.v1.IngressBackend": ("service", "resource"),
    "networking.v1.ServiceBackendPort": ("name", "number"),
    "policy.v1.PodDisruptionBudgetSpec": ("minAvailable", "maxUnavailable"),
}
"""Fields of which at most one may be there."""

_SELECTOR = ("In", "NotIn", "Exists", "DoesNotExist")
_RESTART = ("Always", "Never", "OnFailure")

CHOICES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "apiextensions.v1.CustomResourceDefinitionSpec": {"scope": ("Namespaced", "Cluster")},
    "autoscaling.v2.MetricSpec": {
        "type": ("Resource", "Pods", "Object", "External", "ContainerResource")
    },
    "core.v1.Container": {"restartPolicy": _RESTART},
    "meta.v1.LabelSelectorRequirement": {"operator": _SELECTOR},
    "networking.v1.NetworkPolicySpec": {"policyTypes": ("Ingress", "Egress")},
    "rbac.v1.RoleRef": {"kind": ("Role", "ClusterRole")},
    "rbac.v1.Subject": {"kind": ("ServiceAccount", "User", "Group")},
}
"""What a text, or each text of a list, may be, beside the choices of the OpenAPI document."""

_COUNT = (0, None)
_PORT = (1, 65535)
_PORT_OR_NONE = (0, 65535)
_MODE = (0, 0o777)
_ID = (0, 2**31 - 1)
_USERS = {"runAsUser": _ID, "runAsGroup": _ID}
_HPA = {"maxReplicas": (1, None), "minReplicas": _COUNT}
_REPLICAS = {"replicas": _COUNT, "minReadySeconds": _COUNT}
_HISTORY = {"revisionHistoryLimit": _COUNT}

RANGES: Mapping[str, Mapping[str, tuple[int, int | None]]] = {
    "apps.v1.DaemonSetSpec": {**_HISTORY, "minReadySeconds": _COUNT},
    "apps.v1.DeploymentSpec": {**_REPLICAS, **_HISTORY, "progressDeadlineSeconds": _COUNT},
    "apps.v1.ReplicaSetSpec": _REPLICAS,
    "apps.v1.StatefulSetOrdinals": {"start": _COUNT},
    "apps.v1.StatefulSetSpec": {**_REPLICAS, **_HISTORY},
    "autoscaling.v1.HorizontalPodAutoscalerSpec": _HPA,
    "autoscaling.v2.HorizontalPodAutoscalerSpec": _HPA,
    "batch.v1.CronJobSpec": {
        "failedJobsHistoryLimit": _COUNT,
        "startingDeadlineSeconds": _COUNT,
        "successfulJobsHistoryLimit": _COUNT,
    },
    "batch.v1.JobSpec": {
        "activeDeadlineSeconds": _COUNT,
        "backoffLimit": _COUNT,
        "completions": _COUNT,
        "parallelism": _COUNT,
        "ttlSecondsAfterFinished": _COUNT,
    },
    "core.v1.ConfigMapVolumeSource": {"defaultMode": _MODE},
    "core.v1.ContainerPort": {"containerPort": _PORT, "hostPort": _PORT_OR_NONE},
    "core.v1.DownwardAPIVolumeFile": {"mode": _MODE},
    "core.v1.DownwardAPIVolumeSource": {"defaultMode": _MODE},
    "core.v1.GRPCAction": {"port": _PORT},
    "core.v1.HTTPGetAction": {"port": _PORT},
    "core.v1.KeyToPath": {"mode": _MODE},
    "core.v1.PodSecurityContext": {**_USERS, "fsGroup": _ID},
    "core.v1.Probe": {
        "failureThreshold": _COUNT,
        "initialDelaySeconds": _COUNT,
        "periodSeconds": _COUNT,
        "successThreshold": _COUNT,
        "timeoutSeconds": _COUNT,
    },
    "core.v1.ProjectedVolumeSource": {"defaultMode": _MODE},
    "core.v1.SecretVolumeSource": {"defaultMode": _MODE},
    "core.v1.SecurityContext": _USERS,
    "core.v1.ServicePort": {"port": _PORT, "targetPort": _PORT_OR_NONE},
    "core.v1.TCPSocketAction": {"port": _PORT},
    "core.v1.TopologySpreadConstraint": {"maxSkew": (1, None)},
    "networking.v1.NetworkPolicyPort": {"port": _PORT, "endPort": _PORT},
    "networking.v1.ServiceBackendPort": {"number": _PORT_OR_NONE},
}
"""The lowest and the highest number of a field, where it is a number."""

PORT_NAMES: Mapping[str, str] = {
    "core.v1.ContainerPort": "name",
    "core.v1.HTTPGetAction": "port",
    "core.v1.TCPSocketAction": "port",
    "core.v1.ServicePort": "targetPort",
    "networking.v1.NetworkPolicyPort": "port",
    "networking.v1.ServiceBackendPort": "name",
}
"""Fields whose text is the name of a port of a container."""

PERCENTAGES: Mapping[str, Mapping[str, int | None]] = {
    "apps.v1.RollingUpdateDaemonSet": {"maxSurge": 100, "maxUnavailable": 100},
    "apps.v1.RollingUpdateDeployment": {"maxSurge": None, "maxUnavailable": 100},
    "policy.v1.PodDisruptionBudgetSpec": {"minAvailable": 100, "maxUnavailable": 100},
}
"""Fields that are a number from 0 on, or a percentage, and the highest percentage."""

SUBDOMAINS: Mapping[str, Sequence[str]] = {
    "core.v1.PersistentVolumeClaimSpec": ("storageClassName",),
    "core.v1.PersistentVolumeSpec": ("storageClassName",),
    "core.v1.PodSpec": ("serviceAccountName", "priorityClassName"),
    "networking.v1.IngressSpec": ("ingressClassName",),
}
"""Names of other objects: where they are there, names as DNS has them."""

LABELS: Mapping[str, Sequence[str]] = {
    "core.v1.PodSpec": ("nodeSelector",),
    "core.v1.ServiceSpec": ("selector",),
    "meta.v1.LabelSelector": ("matchLabels",),
    "meta.v1.ObjectMeta": ("labels",),
}
"""Mappings that are labels."""

DROPPED: Mapping[str, Sequence[str]] = {
    "apiextensions.v1.CustomResourceColumnDefinition": ("description", "format", "priority"),
    "apiextensions.v1.CustomResourceDefinitionNames": ("singular",),
    "apiextensions.v1.CustomResourceDefinitionVersion": ("deprecated",),
    "apiextensions.v1.JSONSchemaProps": (
        *("description", "exclusiveMaximum", "exclusiveMinimum", "format", "nullable", "pattern"),
        *("title", "uniqueItems"),
    ),
    "apiregistration.v1.APIServiceSpec": ("caBundle", "insecureSkipTLSVerify"),
    "core.v1.ServicePort": ("targetPort",),
}
"""Fields that a server drops or fills where they are 0, false or empty, and Pulumi keeps.

Pulumi's provider compares most kinds without such fields, but for these and empty lists.
"""
