"""On what it was measured: the machine, the server and its settings, the packages."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import psycopg

SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size", "jit")
PACKAGES = ("psycopg", "msgspec", "eventsourcing", "eventsource-py", "sqlalchemy", "asyncpg")


def describe(url: str) -> dict[str, str]:
    """What a reader needs to know before a figure is compared with another one."""
    with psycopg.connect(url) as connection:
        server = f"PostgreSQL {connection.info.parameter_status('server_version')}"
        settings = [f"{name} {connection.execute(f'SHOW {name}').fetchall()[0][0]}" for name in SETTINGS]
    return {
        "server": f"{server}, on this machine, its default settings: {', '.join(settings)}",
        **describe_machine(),
    }


def describe_machine() -> dict[str, str]:
    """The same without a server."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.1f} GB memory",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES) + ", message-db 1.3.1",
        "load": f"{_load()} processes at work when it began, this one not counted",
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _load() -> str:
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except (AttributeError, OSError):  # Windows has none
        return "an unknown number of"
