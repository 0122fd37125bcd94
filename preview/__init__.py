"""What a change of this repository would change in the clusters, without any cluster.

Two trees are previewed against empty states and their plans compared. Knows Pulumi's command line,
git and the rules of `policies`, and nothing of the program itself, whose older version is the base.
"""
