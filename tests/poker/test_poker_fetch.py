"""Hands from the net, from a local imitation of the archive: the right bytes, or none, and every error in one line."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner
from waiting import PATIENCE, wait_until
from written_hands import phh

from poker.cli import app
from poker.fetching import FetchError, RemoteFile, download, is_complete, open_client, read_record
from poker.phh import read_hands
from poker.unpacking import unpack, unpacked_folder

HAND = phh([100, 80], "p2 f")
MEMBERS = {
    "data/pluribus/30/1.phh": HAND,
    "data/handhq/a b.phhs": f"[1]\n{HAND}\n[2]\n{HAND}",
    "LICENSE": "Share alike.",
}
BLOCK = b"poker" * 20_000


class Archive(ThreadingHTTPServer):
    """What stands in for the archive: one record, its files, and the bad habits of servers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.record: Any = None  # else the record of these files
        self.body: bytes | None = None  # else the record as JSON
        self.status = 200
        self.withholds = 0  # so many bytes of the record are announced and never sent
        self.honours_ranges = True
        self.starts_elsewhere = False
        self.breaks_at: list[int] = []  # after so many bytes of a file; one number for each download
        self.pause: threading.Event | None = None  # wait for it in the middle of a file
        self.moved = False
        self.asked: list[tuple[str, str | None]] = []  # path and Range header
        self.agents: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/records/1"

    def describe(self, name: str, content: bytes, **changes: Any) -> dict[str, Any]:
        checksum = f"md5:{hashlib.md5(content).hexdigest()}"
        link = f"{self.url}/files/{name}/content"
        return {"id": "0", "key": name, "size": len(content), "checksum": checksum, "links": {"self": link}} | changes

    def whole_record(self) -> dict[str, Any]:
        return {
            "id": 1,
            "doi": "10.5281/zenodo.1",
            "metadata": {
                "title": "Hands\x1b[2J of ours",
                "version": "v2",
                "creators": [{"name": "One, Some", "affiliation": None}],
                "license": {"id": "cc-by-4.0"},
            },
            "files": [self.describe(name, content) for name, content in self.files.items()],
        }

    def downloads(self) -> list[str | None]:
        """The Range headers of the requests for content."""
        return [range_ for path, range_ in self.asked if path.endswith("/content")]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was stopped is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Archive
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        archive = self.server
        path = urlsplit(self.path).path
        archive.asked.append((path, self.headers["Range"]))
        archive.agents.add(self.headers["User-Agent"])
        if path == "/api/records/7/versions/latest":
            self.redirect("/api/records/1")
        elif path == "/api/records/1":
            body = archive.body
            if body is None:
                body = json.dumps(archive.whole_record() if archive.record is None else archive.record).encode()
            self.answer(archive.status, body)
        elif path.endswith("/content") and not archive.moved:
            self.send_file(archive.files[path.split("/")[-2]])
        elif path.endswith("/content"):
            archive.moved = False
            self.redirect(path)
        else:
            self.answer(404, b'{"status": 404}')

    def redirect(self, path: str) -> None:
        self.send_response(301)
        self.send_header("Location", path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + self.server.withholds))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.server.withholds > 0

    def send_file(self, content: bytes | memoryview) -> None:
        archive = self.server
        start = 0
        if archive.honours_ranges and (wanted := self.headers["Range"]):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self.answer(416, b"")
            self.send_response(206)
            start += archive.starts_elsewhere
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = archive.breaks_at.pop(0) if archive.breaks_at else len(content)
        middle = max(start, end // 2)
        content = memoryview(content)
        self.wfile.write(content[start:middle])
        if archive.pause is not None:
            archive.pause.wait(PATIENCE)
        self.wfile.write(content[middle:end])
        self.close_connection = end < len(content)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # whatever the environment of the tests says
    with Archive() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(archive: Archive) -> Iterator[httpx.Client]:
    with open_client() as client:
        yield client


def zipped(members: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, text in members.items():
            file.writestr(zipfile.ZipInfo(name, (2024, 2, 29, 12, 30, 58)), text, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def tarred(members: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text.encode()), 1_700_000_000
            file.addfile(info, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("link.phh")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    return stream.getvalue()


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "poker", "fetch", *map(str, arguments)]


def fetch(*arguments: str | Path) -> Result:
    """The command in this process, which is quicker to start, without a terminal."""
    return CliRunner().invoke(app, ["fetch", *map(str, arguments)])


# What a person sees


def test_fetch_says_what_it_is_brings_it_and_leaves_it_alone(archive: Archive, tmp_path: Path) -> None:
    archive.files = {"hands.zip": zipped(MEMBERS), "one.phh": HAND.encode()}
    folder = tmp_path / "my hands"
    first = subprocess.run(
        command("--url", archive.url, "--to", folder), capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert (first.returncode, first.stderr) == (0, "")
    for text in ("Hands [2J of ours, v2", "One, Some", "cc-by-4.0", "doi:10.1109/CoG60054.2024.10645611"):
        assert text in first.stdout
    assert "\x1b" not in first.stdout
    assert "doi:10.5281/zenodo.1" in first.stdout
    assert f'3 files with hands. The next command: python -m poker import "{folder}"' in first.stdout
    assert "POKER_HANDS" in first.stdout
    assert len(list(read_hands(folder))) == 4
    assert (folder / "hands" / "LICENSE").read_text(encoding="utf-8") == "Share alike."
    assert not list(folder.glob("*.part"))
    assert all(agent.startswith("eventstore-workbook") for agent in archive.agents)

    again = fetch("--url", archive.url, "--to", folder)
    assert again.exit_code == 0
    assert "hands.zip: is there already" in again.stdout
    assert archive.downloads() == [None, None]


def test_only_a_part_is_unpacked(archive: Archive, tmp_path: Path) -> None:
    archive.files = {"hands.zip": zipped(MEMBERS)}
    assert fetch("--url", archive.url, "--to", tmp_path, "--only", "pluribus").exit_code == 0
    assert [record.file for record in read_hands(tmp_path)] == ["hands/data/pluribus/30/1.phh"]
    typo = fetch("--url", archive.url, "--to", tmp_path, "--only", "plurbius")
    assert typo.exit_code == 2
    assert "no file with 'plurbius' in its path" in typo.stderr


def test_list_shows_and_writes_nothing(archive: Archive, tmp_path: Path) -> None:
    archive.files = {"hands.zip": zipped(MEMBERS)}
    answer = fetch("--url", archive.url, "--to", tmp_path / "new", "--list")
    assert answer.exit_code == 0
    assert "hands.zip" in answer.stdout
    assert hashlib.md5(archive.files["hands.zip"]).hexdigest() in answer.stdout
    assert archive.downloads() == []
    assert not (tmp_path / "new").exists()


def test_much_is_not_downloaded_unasked(archive: Archive, tmp_path: Path) -> None:
    archive.record = {"files": [archive.describe("hands.zip", b"", size=100_000_001)]}
    answer = fetch("--url", archive.url, "--to", tmp_path)
    assert answer.exit_code == 2
    assert "100.0 MB are to be downloaded: add --yes" in answer.stderr
    assert "the record names none" in answer.stdout
    assert archive.downloads() == []
    archive.files = {"hands.zip": b""}  # the imitation does not have that much
    fetch("--url", archive.url, "--to", tmp_path, "--yes")
    assert archive.downloads() != []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_at_a_terminal_is_asked(archive: Archive, tmp_path: Path, answer: str) -> None:
    archive.files = {"hands.phh": b""}
    archive.record = {"files": [archive.describe("hands.phh", b"", size=100_000_001)]}
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, f"{answer}\n".encode())
        done = subprocess.run(
            command("--url", archive.url, "--to", tmp_path),
            stdin=terminal,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert "Download 100.0 MB?" in done.stdout
    assert bool(archive.downloads()) == (answer == "y")
    assert ("nothing was downloaded" in done.stdout) == (answer == "n")
    assert done.returncode == (2 if answer == "y" else 0)  # the imitation does not have that much


def test_what_does_not_fit_on_the_disk_is_not_begun(archive: Archive, tmp_path: Path) -> None:
    wrong = archive.describe("wrong.zip", b"x")
    (tmp_path / "wrong.zip.part").write_bytes(BLOCK)  # too large a part makes no room
    archive.record = {"files": [archive.describe("hands.zip", b"", size=10**18), wrong]}
    answer = fetch("--url", archive.url, "--to", tmp_path, "--yes")
    assert answer.exit_code == 2
    assert "make room" in answer.stderr
    assert archive.downloads() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process only")
def test_after_ctrl_c_the_next_run_goes_on(archive: Archive, tmp_path: Path) -> None:
    archive.files = {"hands.phh": HAND.encode() + b"#" * 1_000_000}
    archive.pause = threading.Event()
    part = tmp_path / "hands.phh.part"
    process = subprocess.Popen(
        command("--url", archive.url, "--to", tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        encoding="utf-8",
    )
    wait_until(lambda: part.exists() and part.stat().st_size > 100_000, "a part of the file")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    archive.pause.set()
    assert process.returncode == 130
    assert errors == "stopped: run the same command again, it goes on from there\n"
    assert fetch("--url", archive.url, "--to", tmp_path).exit_code == 0
    first, second = archive.downloads()
    assert first is None
    assert second is not None
    assert int(second.removeprefix("bytes=").removesuffix("-")) > 100_000
    assert (tmp_path / "hands.phh").read_bytes() == archive.files["hands.phh"]


def test_an_error_is_one_line_without_a_password(archive: Archive, tmp_path: Path) -> None:
    address = f"http://somebody:secret-word@127.0.0.1:{archive.server_port}/nothing?token=secret-word"
    nowhere = [f"http://somebody:secret-word@{place}/" for place in ("[", "127.0.0.1:99999", "nowhere.invalid")]
    for url in (address, address.replace("http", "ftp"), *nowhere):
        answer = fetch("--url", url, "--to", tmp_path)
        assert (answer.exit_code, answer.stdout) == (2, "")
        assert answer.stderr.startswith("error: ")
        assert len(answer.stderr.splitlines()) == 1
        assert "secret-word" not in answer.stderr


def test_the_proxy_of_the_environment_is_used(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.files = {"one.phh": HAND.encode()}
    monkeypatch.setenv("NO_PROXY", "")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{archive.server_port}")
    answer = fetch("--url", "http://archive.invalid/api/records/1", "--to", tmp_path)
    assert answer.exit_code == 0, answer.stderr
    monkeypatch.setenv("HTTP_PROXY", "strange://somebody:secret-word@127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "strange://somebody:secret-word@127.0.0.1:1")
    answer = fetch("--url", "http://archive.invalid/api/records/1", "--to", tmp_path)
    assert answer.exit_code == 2
    assert "error: the proxy that the environment names cannot be used" in answer.stderr
    assert "secret-word" not in answer.stderr


def test_other_commands_do_not_wait_for_the_web_client() -> None:
    code = "import sys, poker, poker.cli; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The record


def test_one_id_for_all_versions_leads_to_the_latest(archive: Archive, client: httpx.Client) -> None:
    archive.files = {"hands.zip": b"x"}
    record = read_record(client, archive.url.replace("records/1", "records/7"))
    assert [file.name for file in record.files] == ["hands.zip"]
    assert str(record.files[0].url) == f"{archive.url}/files/hands.zip/content"


def test_a_record_that_is_not_there_or_not_now(archive: Archive, client: httpx.Client) -> None:
    missing = archive.url.replace("records/1", "records/9")
    with pytest.raises(FetchError, match=f"{re.escape(missing)} answers 404 Not Found. Check the address"):
        read_record(client, missing)
    archive.status, archive.body = 503, b"<html>"
    with pytest.raises(FetchError, match=r"answers 503 Service Unavailable\. Try again later"):
        read_record(client, archive.url)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"files": []}', b'{"files": {}}', b"[" * 100_000],
    ids=["nothing", "html", "list", "object", "no files", "no list", "deep"],
)
def test_an_answer_of_another_shape_is_no_record(archive: Archive, client: httpx.Client, body: bytes) -> None:
    archive.body = body
    with pytest.raises(
        FetchError, match=r"is no record: its answer (is not JSON|lists no files)\. Name the address of"
    ):
        read_record(client, archive.url)


def test_a_large_answer_is_not_waited_for(archive: Archive, client: httpx.Client) -> None:
    archive.body, archive.withholds = BLOCK * 101, 1
    with pytest.raises(FetchError, match="is no record: its answer is not JSON"):
        read_record(client, archive.url)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": None}, "key"),
        ({"size": "12"}, "size"),
        ({"size": -1}, "size"),
        ({"size": True}, "size"),
        ({"checksum": None}, "checksum"),
        ({"checksum": "sha256:" + "0" * 64}, "checksum"),
        ({"checksum": "md5:" + "0" * 31}, "checksum"),
        ({"links": None}, r"links\.self"),
        ({"links": {"self": "file:///etc/passwd"}}, r"links\.self"),
        ({"links": {"self": "http://%%.☃/"}}, r"links\.self"),
    ],
)
def test_a_field_that_is_not_as_it_should_be_is_named(
    archive: Archive, client: httpx.Client, changes: dict[str, Any], field: str
) -> None:
    archive.record = {"files": [archive.describe("a.zip", b"x"), archive.describe("b.zip", b"x", **changes)]}
    with pytest.raises(FetchError, match=rf"is no record: files\[1\]\.{field} is "):
        read_record(client, archive.url)


UNSAFE = [
    "",
    ".",
    "..",
    "../a.zip",
    "a/b.zip",
    "/a.zip",
    "..\\a.zip",
    "C:a.zip",
    "a.zip:stream",
    "nul",
    "CON.zip",
    "com1 .zip",
    "a.zip.",
    "a.zip ",
    "a\n.zip",
    "a\x00.zip",
    "a\u202epiz.exe",
]


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_may_lie_elsewhere_is_refused(archive: Archive, client: httpx.Client, name: str) -> None:
    archive.record = {"files": [archive.describe("a.zip", b"x", key=name)]}
    with pytest.raises(FetchError, match="not a plain file name"):
        read_record(client, archive.url)


@pytest.mark.parametrize(
    "name", ["hands.zip", "PHH hands, v2.1 (all).tar.gz", "console.zip", "com.zip", ".phh", "мн.zip"]
)
def test_other_names_are_taken(archive: Archive, client: httpx.Client, name: str) -> None:
    archive.record = {"files": [archive.describe("a.zip", b"x", key=name)]}
    assert read_record(client, archive.url).files[0].name == name


# The download


def one_file(archive: Archive, client: httpx.Client, content: bytes = BLOCK) -> RemoteFile:
    archive.files = {"hands.zip": content}
    return read_record(client, archive.url).files[0]


def test_a_download_goes_on_from_its_part(archive: Archive, client: httpx.Client, tmp_path: Path) -> None:
    file = one_file(archive, client)
    (tmp_path / "hands.zip.part").write_bytes(BLOCK[:60_000])
    seen: list[int] = []
    download(client, file, tmp_path, seen.append)
    assert (tmp_path / "hands.zip").read_bytes() == BLOCK
    assert archive.downloads() == ["bytes=60000-"]
    assert 60_000 < seen[0] <= seen[-1] == len(BLOCK)
    assert not (tmp_path / "hands.zip.part").exists()


def test_a_part_that_is_whole_needs_no_request(archive: Archive, client: httpx.Client, tmp_path: Path) -> None:
    file = one_file(archive, client)
    (tmp_path / "hands.zip.part").write_bytes(BLOCK)
    download(client, file, tmp_path)
    assert is_complete(file, tmp_path)
    assert archive.downloads() == []


def test_a_server_that_cannot_go_on_sends_everything(archive: Archive, client: httpx.Client, tmp_path: Path) -> None:
    file = one_file(archive, client)
    archive.honours_ranges = False
    (tmp_path / "hands.zip.part").write_bytes(BLOCK[:60_000])
    download(client, file, tmp_path)
    assert (tmp_path / "hands.zip").read_bytes() == BLOCK
    assert archive.downloads() == ["bytes=60000-"]


@pytest.mark.parametrize("size", [60_000, len(BLOCK), len(BLOCK) + 1])
def test_a_wrong_part_is_started_over_once(archive: Archive, client: httpx.Client, tmp_path: Path, size: int) -> None:
    file = one_file(archive, client)
    (tmp_path / "hands.zip.part").write_bytes(b"x" * size)
    download(client, file, tmp_path)
    assert (tmp_path / "hands.zip").read_bytes() == BLOCK
    assert archive.downloads()[-1] is None


def test_a_range_that_starts_elsewhere_is_not_glued_on(archive: Archive, client: httpx.Client, tmp_path: Path) -> None:
    file = one_file(archive, client)
    archive.starts_elsewhere = True
    (tmp_path / "hands.zip.part").write_bytes(BLOCK[:60_000])
    download(client, file, tmp_path)
    assert (tmp_path / "hands.zip").read_bytes() == BLOCK
    assert archive.downloads() == ["bytes=60000-", None]


@pytest.mark.parametrize(
    "served", [b"x" * len(BLOCK), BLOCK + b"x", BLOCK[:-1], b""], ids=["other", "longer", "shorter", "empty"]
)
@pytest.mark.parametrize("honours_ranges", [True, False])
@pytest.mark.parametrize("part", [b"", b"x"])
def test_another_file_than_the_record_describes_is_not_kept(
    archive: Archive, client: httpx.Client, tmp_path: Path, served: bytes, honours_ranges: bool, part: bytes
) -> None:
    file = one_file(archive, client)
    archive.files = {"hands.zip": served}
    archive.honours_ranges = honours_ranges
    if part:
        (tmp_path / "hands.zip.part").write_bytes(part)
    seen = [0]
    with pytest.raises(FetchError, match=r"hands\.zip from .* is not the file that the record describes"):
        download(client, file, tmp_path, seen.append)
    assert max(seen) <= file.size
    assert list(tmp_path.iterdir()) == []
    assert len(archive.downloads()) <= 4


def test_a_connection_that_breaks_is_taken_up_again(archive: Archive, client: httpx.Client, tmp_path: Path) -> None:
    file = one_file(archive, client)
    archive.breaks_at = [30_000, 70_000, 90_000]
    download(client, file, tmp_path)
    assert (tmp_path / "hands.zip").read_bytes() == BLOCK
    assert archive.downloads() == [None, "bytes=30000-", "bytes=70000-", "bytes=90000-"]


@pytest.mark.parametrize("honours_ranges", [True, False])
def test_a_connection_that_brings_nothing_more_is_given_up(
    archive: Archive, client: httpx.Client, tmp_path: Path, honours_ranges: bool
) -> None:
    file = one_file(archive, client)
    archive.honours_ranges = honours_ranges
    archive.breaks_at = [30_000] * 10
    with pytest.raises(FetchError, match=r"broke at 30\.0 kB of 100\.0 kB: .*Run the same command again"):
        download(client, file, tmp_path)
    assert archive.downloads() == [None, "bytes=30000-"]
    archive.breaks_at = []
    download(client, file, tmp_path)
    assert (tmp_path / "hands.zip").read_bytes() == BLOCK


def test_a_server_that_falls_silent_is_given_up(archive: Archive, tmp_path: Path) -> None:
    archive.pause = threading.Event()
    with open_client(seconds_of_silence=0.3) as client:
        file = one_file(archive, client)
        with pytest.raises(FetchError, match="Run the same command again"):
            download(client, file, tmp_path)
    archive.pause.set()
    assert 0 < (tmp_path / "hands.zip.part").stat().st_size < len(BLOCK)


def test_a_file_that_has_moved_is_found(archive: Archive, client: httpx.Client, tmp_path: Path) -> None:
    file = one_file(archive, client)
    archive.moved = True
    (tmp_path / "hands.zip.part").write_bytes(BLOCK[:60_000])
    download(client, file, tmp_path)
    assert (tmp_path / "hands.zip").read_bytes() == BLOCK
    assert archive.downloads() == ["bytes=60000-"] * 2


def test_a_file_that_is_refused_keeps_its_part(archive: Archive, client: httpx.Client, tmp_path: Path) -> None:
    archive.record = {"files": [archive.describe("a.zip", b"abc", links={"self": "/gone"})]}
    file = read_record(client, archive.url).files[0]
    (tmp_path / "a.zip.part").write_bytes(b"a")
    with pytest.raises(FetchError, match=r"/gone answers 404 Not Found\. Check the address"):
        download(client, file, tmp_path)
    assert (tmp_path / "a.zip.part").read_bytes() == b"a"


def test_what_is_there_counts_only_with_its_checksum(archive: Archive, client: httpx.Client, tmp_path: Path) -> None:
    file = one_file(archive, client)
    assert not is_complete(file, tmp_path)
    (tmp_path / "hands.zip").write_bytes(BLOCK[:-1] + b"x")
    assert not is_complete(file, tmp_path)
    download(client, file, tmp_path)
    assert is_complete(file, tmp_path)


def test_memory_does_not_grow_with_the_file(
    archive: Archive, client: httpx.Client, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    size = 300 if request.config.getoption("--long") else 30
    file = one_file(archive, client, BLOCK * (10 * size))
    tracemalloc.start()
    try:
        download(client, file, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000 < file.size
    assert is_complete(file, tmp_path)


# Unpacking


@pytest.mark.parametrize(("suffix", "pack"), [(".zip", zipped), (".tar.gz", tarred), (".TGZ", tarred)])
def test_unpacking_again_leaves_alone_what_is_whole(tmp_path: Path, suffix: str, pack: Any) -> None:
    archive = tmp_path / f"v1.0{suffix}"
    archive.write_bytes(pack(MEMBERS))
    folder = unpacked_folder(archive)
    assert folder == tmp_path / "v1.0"
    assert unpack(archive, folder) == len(MEMBERS)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(MEMBERS)

    kept, begun = folder / "LICENSE", folder / "data" / "pluribus" / "30" / "1.phh"
    time = kept.stat().st_mtime
    kept.write_text("Share alone.", encoding="utf-8")
    os.utime(kept, (time, time))
    begun.write_text("#" * len(HAND), encoding="utf-8")
    seen: list[int] = []
    assert unpack(archive, folder, advance=seen.append) == len(MEMBERS)
    assert kept.read_text(encoding="utf-8") == "Share alone."
    assert begun.read_text(encoding="utf-8") == HAND
    assert seen[-1] == sum(len(text) for text in MEMBERS.values())


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["../out.phh", "/out.phh", "a/../../out.phh", "a//b.phh", "C:/out.phh", "aux/1.phh"])
def test_an_archive_that_reaches_out_is_refused(tmp_path: Path, pack: Any, name: str) -> None:
    archive = tmp_path / "down" / f"hands{'.zip' if pack is zipped else '.tar'}"
    archive.parent.mkdir()
    archive.write_bytes(pack({name: HAND}))
    with pytest.raises(FetchError, match=r"holds a file called .* which may lie elsewhere"):
        unpack(archive, tmp_path / "down" / "hands")
    assert [path.name for path in tmp_path.rglob("*")] == ["down", archive.name]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_broken_archive_is_said(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"hands{suffix}"
    whole = (zipped if suffix == ".zip" else tarred)({"a.phh": HAND * 100, "b.phh": HAND})
    damaged = whole[:40] + b"?" * 20 + whole[60:]
    for content in (b"", b"no archive", whole[:60], damaged):
        archive.write_bytes(content)
        with pytest.raises(OSError, match=r".") as caught:
            unpack(archive, tmp_path / "hands")
        assert isinstance(caught.value, FetchError)
        assert str(archive) in str(caught.value)


def test_an_archive_that_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    archive = tmp_path / "hands.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.phh", HAND)
        file.writestr("b.phh", HAND)
        file.infolist()[1].file_size = 10**18
    with pytest.raises(FetchError, match=r"are to be written to .* make room"):
        unpack(archive, tmp_path / "hands")
    assert not (tmp_path / "hands").exists()
    assert unpack(archive, tmp_path / "hands", only="a.phh") == 1
