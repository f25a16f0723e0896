"""The container, the texts and the code speak of one server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from eventstore.embedded import COMPOSE_URL

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    """The one service of the file, with every variable at its default."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    compose = yaml.safe_load(re.sub(r"\$\{\w+:-([\w.]+)\}", r"\1", text))
    (service,) = compose["services"].values()
    service["named volumes"] = list(compose["volumes"])
    return service


def test_the_address_in_the_code_is_that_of_the_container(service: dict[str, Any]) -> None:
    address = conninfo_to_dict(COMPOSE_URL)
    assert service["ports"] == [f"{address['host']}:{address['port']}:5432"]
    assert service["environment"]["POSTGRES_USER"] == address["user"]
    assert service["environment"]["POSTGRES_PASSWORD"] == address["password"]
    assert service["environment"]["POSTGRES_DB"] == address["dbname"]


def test_what_a_class_needs_can_be_changed() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    variables = set(re.findall(r"\$\{(\w+):-", text))
    assert variables == {
        f"EVENTSTORE_{what}" for what in ("ADDRESS", "PORT", "USER", "PASSWORD", "DB", "MAX_CONNECTIONS")
    }


def test_only_this_machine_reaches_it_unless_somebody_says_otherwise(service: dict[str, Any]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_data_outlive_the_container(service: dict[str, Any]) -> None:
    assert service["image"] == "postgres:18"
    (volume,) = service["volumes"]
    name, folder = volume.split(":")
    assert name in service["named volumes"]
    # The image for PostgreSQL 18 does not start with a volume at .../data.
    assert folder == "/var/lib/postgresql"


def test_it_tells_when_it_is_ready(service: dict[str, Any]) -> None:
    assert "pg_isready" in service["healthcheck"]["test"][1]


def test_texts_give_the_same_address() -> None:
    port = str(conninfo_to_dict(COMPOSE_URL)["port"])
    for path in [ROOT / "docker-compose.yml", *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"postgresql://eventstore[^\s`'\")]*", text)) <= {COMPOSE_URL}, path
        assert set(re.findall(r"\b543\d\d\b", text)) <= {port}, path
