"""A stand-in for Pulumi's provider of Google Cloud, for tests only.

`pulumi-resource-gcp` is what the real engine finds on PATH and talks to. It checks inputs against
the types of the Python SDK, keeps its objects in a folder, refuses what Google refuses as far as
order is concerned, and makes a `localkube` cluster for each cluster. `gke-gcloud-auth-plugin` is
what Kubernetes clients ask for credentials of such a cluster. What it accepts, Google may not.
"""

FOLDER_VARIABLE = "GCP_STAND_IN"
"""Environment variable that names the stand-in's folder."""
