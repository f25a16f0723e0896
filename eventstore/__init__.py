"""A small event store on PostgreSQL: append facts, read them back, replay them."""

from eventstore.bus import EventBus, EventHandler, HandlerFailure
from eventstore.checkpoint import SubscriptionStatus
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
from eventstore.projection import Projection, rebuild
from eventstore.replay import Repository, replay
from eventstore.store import EventStore
from eventstore.subscription import Subscription

__all__ = [
    "DomainEvent",
    "DuplicateEventError",
    "EventBus",
    "EventHandler",
    "EventMetadata",
    "EventQueryFilter",
    "EventSnapshot",
    "EventStore",
    "EventStoreError",
    "HandlerFailure",
    "InMemoryEventStore",
    "InvalidEventError",
    "PostgresEventStore",
    "Projection",
    "Repository",
    "SchemaError",
    "StoreUnavailableError",
    "Subscription",
    "SubscriptionStatus",
    "VersionConflictError",
    "connect",
    "rebuild",
    "replay",
]
