"""A small event store on PostgreSQL: append facts, read them back, replay them."""

from eventstore.errors import (
    DuplicateEventError,
    EventStoreError,
    InvalidEventError,
    SchemaError,
    StoreUnavailableError,
    VersionConflictError,
)
from eventstore.events import DomainEvent, EventMetadata, EventQueryFilter, EventSnapshot
from eventstore.memory import InMemoryEventStore
from eventstore.postgres import PostgresEventStore, connect
from eventstore.replay import Repository, replay
from eventstore.store import EventStore

__all__ = [
    "DomainEvent",
    "DuplicateEventError",
    "EventMetadata",
    "EventQueryFilter",
    "EventSnapshot",
    "EventStore",
    "EventStoreError",
    "InMemoryEventStore",
    "InvalidEventError",
    "PostgresEventStore",
    "Repository",
    "SchemaError",
    "StoreUnavailableError",
    "VersionConflictError",
    "connect",
    "replay",
]
