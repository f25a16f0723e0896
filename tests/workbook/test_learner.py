"""The learner's copy has no answers and is never overwritten. JupyterLab runs on it, and cleans up after itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from nbformat import v4
from sample_course import Course

from eventstore.embedded import Cluster
from workbook import notebooks
from workbook.compose import compose
from workbook.learner import update_copy
from workbook.source import read_day


@pytest.fixture
def course_with_outputs(course: Course) -> Course:
    """The sample day as if it had been run."""
    day = read_day(course.day)
    notebook = compose(day, "learner", [day])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
            cell.outputs = [v4.new_output("stream", name="stdout", text="the answer")]
    for path in course.files():
        path.parent.mkdir(exist_ok=True)
        path.write_text(notebooks.text_of(notebook), encoding="utf-8")
    return course


def test_the_copy_has_no_outputs_and_its_links_lead_to_the_solutions(course_with_outputs: Course) -> None:
    copy = course_with_outputs.folder / "my"
    [own], _ = update_copy(course_with_outputs.target, copy)
    notebook = notebooks.read(own)
    assert all(not cell.outputs and not cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert "](../notebooks/solutions/day99_a_sample.ipynb)" in notebook.cells[0].source
    assert (copy / "../notebooks/solutions/day99_a_sample.ipynb").exists()


def test_what_the_learner_wrote_is_never_overwritten_and_new_days_are_added(course_with_outputs: Course) -> None:
    built = course_with_outputs
    copy = built.folder / "my"
    [own], _ = update_copy(built.target, copy)
    own.write_text("mine", encoding="utf-8")
    assert update_copy(built.target, copy) == ([], [])
    (built.target / "day98_new.ipynb").write_bytes(built.files()[0].read_bytes())
    assert [path.name for path in update_copy(built.target, copy)[0]] == ["day98_new.ipynb"]
    assert own.read_text(encoding="utf-8") == "mine"


def test_a_damaged_notebook_of_the_course_keeps_nobody_from_the_other_days(course_with_outputs: Course) -> None:
    built = course_with_outputs
    damaged = built.target / "day01_merged.ipynb"
    damaged.write_text("<<<<<<< HEAD", encoding="utf-8")
    added, left_out = update_copy(built.target, built.folder / "my")
    assert [path.name for path in added] == ["day99_a_sample.ipynb"]
    assert left_out == [damaged]
    assert not (built.folder / "my" / damaged.name).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="ends JupyterLab with a POSIX signal")
@pytest.mark.parametrize(("running_before", "url"), [(False, None), (True, None), (False, "")])
def test_jupyterlab_runs_and_the_server_that_it_started_stops_with_it(
    tmp_path: Path, running_before: bool, url: str | None
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "EVENTSTORE_URL"}
    if url is not None:
        environment["EVENTSTORE_URL"] = url
    environment |= {"EVENTSTORE_HOME": str(tmp_path / "home"), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    environment |= {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "JUPYTER_DATA_DIR": str(tmp_path / "data")}
    cluster = Cluster(tmp_path / "home")
    if running_before:
        cluster.start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "import sys; from workbook.learner import open_lab; sys.exit(open_lab(sys.argv[1:]))"
    arguments = ["--no-browser", f"--ServerApp.port={port}", "--IdentityProvider.token=secret"]
    log = (tmp_path / "log").open("w+", encoding="utf-8")
    lab = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stdout=log, stderr=log)
    try:
        assert _answer(f"http://127.0.0.1:{port}/api/status?token=secret", lab)["started"]
        assert cluster.status().running
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status")
    finally:
        lab.send_signal(signal.SIGTERM)
        lab.wait()
        log.close()
    running_after = cluster.status().running
    cluster.remove()
    assert running_after == running_before


def _answer(url: str, process: subprocess.Popen[bytes]) -> dict[str, str]:
    while True:
        assert process.poll() is None, "JupyterLab ended early"
        try:
            with urllib.request.urlopen(url) as response:
                answer: dict[str, str] = json.load(response)
                return answer
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
