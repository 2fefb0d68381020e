"""/etc/default/hale-healer: which of the healers of cluster.yml this node's is.

All of them read the same file, and each must know itself: it never takes its own node away.
"""

from cluster.writing import HEADER


def healer_default(node: str) -> str:
    """Write the environment of the healer's unit."""
    return f"{HEADER}HALE_NODE={node}\n"
