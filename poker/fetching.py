"""Recorded hands from a public archive: read the record of a data set, and download its files.

The record is what Zenodo's API says about a data set, with a checksum for every file. Source of its shape: the
serializers of zenodo/zenodo-rdm, `ZenodoSchema` and its `dump_files`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.filesize import decimal

from eventstore.embedded import host

# Zenodo shuts out clients that do not say who they are when too many of their kind come.
USER_AGENT = "eventstore-workbook (python -m poker fetch)"
SECONDS_OF_SILENCE = 60.0
EXAMPLE = "https://zenodo.org/api/records/NUMBER"
# A record takes some kilobytes. Whoever names the address of a data file by mistake shall not wait for all of it.
MOST_BYTES_OF_A_RECORD = 10_000_000

_CHECKSUM = re.compile(r"md5:([0-9a-f]{32})")
# What some file system gives a meaning of its own, by Windows' rules, which are the strictest.
_UNSAFE_NAME = re.compile(
    r"""[<>:"/\\|?*] | ^\.{0,2}$ | [. ]$ | ^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)""",
    re.VERBOSE | re.IGNORECASE,
)


class FetchError(OSError):
    """The hands cannot be had. The text says why, and what to do."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a record.

    Args:
        name: its name, safe on every system, without folders.
        size: in bytes.
        md5: the checksum, as 32 hexadecimal digits.
        url: where its content is.
    """

    name: str
    size: int
    md5: str
    url: httpx.URL


@dataclass(frozen=True)
class Record:
    """A data set, as its record describes it. What the record does not say is None, or empty.

    Args:
        title: the title.
        version: the version, in the words of its makers.
        creators: who made it.
        doi: the identifier to cite it by.
        licence: the licence's short name, such as `"cc-by-4.0"`.
        files: all its files.
    """

    title: str | None
    version: str | None
    creators: tuple[str, ...]
    doi: str | None
    licence: str | None
    files: tuple[RemoteFile, ...]


def is_safe_name(name: str) -> bool:
    """Whether a name from elsewhere is that of a plain file or folder on every system, without a path in it.

    Args:
        name: the name.
    """
    return name.isprintable() and not _UNSAFE_NAME.search(name)


def open_client(seconds_of_silence: float = SECONDS_OF_SILENCE) -> httpx.Client:
    """A client that follows redirects, and the proxies that the environment names (`HTTPS_PROXY`, `NO_PROXY`).

    Args:
        seconds_of_silence: how long a server may say nothing before it counts as gone.

    Raises:
        FetchError: such a proxy cannot be used.
    """
    try:
        return httpx.Client(follow_redirects=True, timeout=seconds_of_silence, headers={"User-Agent": USER_AGENT})
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise FetchError(f"the proxy that the environment names cannot be used: {error}") from error


def read_record(client: httpx.Client, url: str) -> Record:
    """Ask for the record of a data set.

    A data set with several versions has an id for all of them too. Zenodo's API answers 404 to that one, and leads from
    `/versions/latest` under it to the latest version (source: `read_latest` in invenio-drafts-resources).

    Args:
        client: from `open_client`.
        url: the address of the record in the API, such as `https://zenodo.org/api/records/10796885`.

    Raises:
        FetchError: there is no such record, the server cannot be reached, or it answers something else.
    """
    address = _web_address(url)
    if address is None:
        raise FetchError(f"the address of the record has to start with https:// or http://, such as {EXAMPLE}")
    response, body = _get(client, address)
    if response.status_code == httpx.codes.NOT_FOUND:
        response, body = _get(client, address.copy_with(path=address.path.rstrip("/") + "/versions/latest"))
    if response.status_code != httpx.codes.OK:
        raise FetchError(_refusal(address, response))
    try:
        return _parse_record(_parse_json(body), response.url)
    except ValueError as error:
        raise FetchError(
            f"{_shown(address)} is no record: {error}. Name the address of one, such as {EXAMPLE}"
        ) from error


def _get(client: httpx.Client, address: httpx.URL) -> tuple[httpx.Response, bytes]:
    body = b""
    try:
        with client.stream("GET", address, headers={"Accept": "application/json"}) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES_OF_A_RECORD:
                    break
            return response, body
    except httpx.HTTPError as error:
        raise FetchError(f"{_shown(address)} cannot be reached: {_reason(error)}. Try again later") from error


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("its answer is not JSON") from error


def _parse_record(raw: Any, address: httpx.URL) -> Record:
    """Raises `ValueError`, naming the field that is not as it should be."""
    files = raw.get("files") if isinstance(raw, dict) else None
    if not isinstance(files, list) or not files:
        raise ValueError("its answer lists no files")
    metadata = raw["metadata"] if isinstance(raw.get("metadata"), dict) else {}
    creators = metadata["creators"] if isinstance(metadata.get("creators"), list) else []
    names = (_text(creator, "name") for creator in creators)
    return Record(
        title=_text(metadata, "title"),
        version=_text(metadata, "version"),
        creators=tuple(name for name in names if name),
        doi=_text(raw, "doi") or _text(metadata, "doi"),
        licence=_text(metadata.get("license"), "id"),
        files=tuple(_parse_file(file, f"files[{index}]", address) for index, file in enumerate(files)),
    )


def _parse_file(raw: Any, where: str, address: httpx.URL) -> RemoteFile:
    if not isinstance(raw, dict):
        raise ValueError(f"{where} is no object")
    name, size, checksum = (raw.get(field) for field in ("key", "size", "checksum"))
    if not isinstance(name, str) or not is_safe_name(name):
        raise ValueError(f"{where}.key is {name!r}, which is not a plain file name")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{where}.size is {size!r}, not a number of bytes")
    if not isinstance(checksum, str) or not (md5 := _CHECKSUM.fullmatch(checksum)):
        raise ValueError(f"{where}.checksum is {checksum!r}, not md5: and 32 hexadecimal digits")
    link = _text(raw.get("links"), "self")
    url = _web_address(link, relative_to=address) if link else None
    if url is None:
        raise ValueError(f"{where}.links.self is not the web address of its content")
    return RemoteFile(name, size, md5[1], url)


def _text(raw: Any, field: str) -> str | None:
    value = raw.get(field) if isinstance(raw, dict) else None
    if not isinstance(value, str):
        return None
    # It will be printed, so it must not steer the terminal.
    return "".join(sign if sign.isprintable() else " " for sign in value).strip() or None


def _web_address(text: str, *, relative_to: httpx.URL | None = None) -> httpx.URL | None:
    try:
        address = relative_to.join(text) if relative_to else httpx.URL(text)
    except httpx.InvalidURL:
        return None
    return address if address.scheme in ("http", "https") and address.host else None


def _shown(address: httpx.URL) -> str:
    """An address without what may be secret in it."""
    return str(address.copy_with(username=None, password=None, query=None, fragment=None))


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


def _refusal(address: httpx.URL, response: httpx.Response) -> str:
    fix = "Check the address" if response.status_code == httpx.codes.NOT_FOUND else "Try again later"
    return f"{_shown(address)} answers {response.status_code} {response.reason_phrase}".rstrip() + f". {fix}"


def is_complete(file: RemoteFile, folder: Path) -> bool:
    """Whether a file of the record lies in a folder, with the size and the checksum that the record gives.

    Args:
        file: the file.
        folder: where it may lie.
    """
    path = folder / file.name
    return path.is_file() and path.stat().st_size == file.size and _md5(path) == file.md5


def missing_bytes(file: RemoteFile, folder: Path) -> int:
    """How many bytes of a file are still to be downloaded, after what an earlier download left of it in a folder.

    Args:
        file: the file, which is not complete.
        folder: where it goes.
    """
    return max(file.size - _size(_part(file, folder)), 0)


def download(
    client: httpx.Client, file: RemoteFile, folder: Path, advance: Callable[[int], None] = lambda done: None
) -> None:
    """Download a file, going on where an earlier download stopped. It gets its name when its checksum is right.

    Until then it is called `NAME.part`. As long as a broken connection brought something, the next one goes on from
    there. A part of an earlier download that turns out wrong is dropped, and the file fetched anew, once.

    Args:
        client: from `open_client`.
        file: the file.
        folder: where it goes; it is made where it does not exist.
        advance: called with the number of bytes that are there, again and again.

    Raises:
        FetchError: the server is gone or refuses, or what it sends is not what the record describes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = _part(file, folder)
    resumed = part.exists()
    while not (_fill(client, file, part, advance) and _md5(part) == file.md5):
        part.unlink(missing_ok=True)
        if not resumed:
            raise FetchError(
                f"{file.name} from {_shown(file.url)} is not the file that the record describes: it has another size or"
                " checksum. Nothing was kept; try again later"
            )
        resumed = False
    host.rename(part, folder / file.name)


def _fill(client: httpx.Client, file: RemoteFile, part: Path, advance: Callable[[int], None]) -> bool:
    """Bring the part to its full size. False: the server and the record do not mean the same bytes."""
    part.touch()
    furthest = _size(part)
    while (have := _size(part)) != file.size:
        if have > file.size:
            return False
        broken: httpx.HTTPError | None = None
        try:
            if not _append(client, file, part, advance):
                return False
        except httpx.HTTPError as error:
            broken = error
        if _size(part) <= furthest:
            if broken is None:
                return False
            raise FetchError(
                f"{file.name}: the download broke at {decimal(_size(part))} of {decimal(file.size)}: {_reason(broken)}."
                " Run the same command again: it goes on from there where the server can"
            ) from broken
        furthest = _size(part)
    return True


def _append(client: httpx.Client, file: RemoteFile, part: Path, advance: Callable[[int], None]) -> bool:
    """One request for what is still missing. False: the server has nothing that fits."""
    have = _size(part)
    # A server that compresses on its way would count other bytes than the record does.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", file.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return False
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise FetchError(_refusal(file.url, response))
        if response.status_code == httpx.codes.OK:
            have = 0  # the server cannot go on in the middle, and sends everything
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            return False
        with part.open("ab" if have else "wb") as stream:
            for chunk in response.iter_raw():
                have += len(chunk)
                if have > file.size:
                    return False
                stream.write(chunk)
                advance(have)
    return True


def _part(file: RemoteFile, folder: Path) -> Path:
    return folder / f"{file.name}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        # Not for security, so that it may also be computed where md5 is forbidden for that.
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def free_space(folder: Path) -> int:
    """How many bytes the disk of a folder has left.

    Args:
        folder: it need not exist yet.
    """
    return shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.exists())).free


def check_space(size: int, folder: Path) -> None:
    """Refuse to begin what the disk cannot take.

    Args:
        size: how many bytes are to be written.
        folder: where; it need not exist yet.

    Raises:
        FetchError: that much is not free.
    """
    if size > (free := free_space(folder)):
        raise FetchError(
            f"{decimal(size)} are to be written to {folder}, where {decimal(free)} are free: make room, name another"
            " folder with --to, or unpack less with --only"
        )
