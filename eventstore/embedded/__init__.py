"""A private PostgreSQL server: found or unpacked, made on first use, shared by all processes of one folder.

It listens on 127.0.0.1 only, always asks for a password, keeps its data between days, and goes on when the process
that started it ends.
"""

from eventstore.embedded.binaries import COMPOSE_URL
from eventstore.embedded.cluster import Cluster, ClusterStatus

__all__ = ["COMPOSE_URL", "Cluster", "ClusterStatus"]
