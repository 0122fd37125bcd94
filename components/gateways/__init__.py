"""The edge and the regional gateways as Pulumi components."""
