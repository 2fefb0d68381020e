"""The block `monitoring.journal`: a copy of every node's log lines on a monitoring node.

Rule: secrets stand in files alone, under the same paths on every node.
"""

from cluster.fields import Block, Bytes, File

COPIES = "/var/log/journal/remote"
"""Where systemd-journal-remote keeps them."""


class Journal(Block):
    """systemd-journal-upload on every node, systemd-journal-remote on the first of `monitoring.nodes`.

    Attributes:
        ca: By what senders know the receiver, and where systemd-journal-remote is built with GnuTLS, it knows them.
        cert: On each node its own; the receiver's is for its address.
        key: Its private key; root's alone, since systemd hands it over.
        max_size: Bytes that finished files of the copies may have; the ones being written come on top.
    """

    ca: File
    cert: File
    key: File
    max_size: Bytes = 4 * 1024**3
