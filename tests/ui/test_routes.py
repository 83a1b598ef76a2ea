"""The page's own routes: who may ask, and what they give."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from pathlib import Path
from typing import Any

import made_up
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from facecrop_core.pipeline.jobs import JobRequest
from facecrop_core.pipeline.project import commit_json
from facecrop_core.pipeline.runner import Job
from facecrop_ui.guard import Guard
from facecrop_ui.routes import make_routes
from facecrop_ui.runs import Run, Runs

TOKEN = "0123456789abcdef" * 2
PAGE = "http://127.0.0.1:7860"


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    folder = tmp_path / "runs" / TOKEN
    commit_json(folder / "run.json", dataclasses.asdict(Run(TOKEN, "film.mp4", "default", {})))
    _, scan = made_up.make_project(folder / "project.facecrop")
    made_up.add_faces(scan, 12)
    return Runs(tmp_path)


@pytest.fixture
def client(runs: Runs) -> TestClient:
    app = Starlette(routes=make_routes(runs), middleware=[Middleware(Guard)])
    return TestClient(app, base_url=PAGE)


def state(client: TestClient) -> dict[str, Any]:
    answer = client.get(f"/fc/{TOKEN}/state")
    assert answer.status_code == 200
    return dict(answer.json())


def put_export(runs: Runs, tmp_path: Path) -> Path:
    """A finished export of two crops."""
    out = tmp_path / "runs" / TOKEN / "exports" / "film-1" / "film"
    (out / "Ann").mkdir(parents=True)
    (out / "Ann" / "000001.png").write_bytes(b"p" * 3_000_000)
    (out / "Ann" / "000002.png").write_bytes(b"q" * 10)
    (out / ".facecrop.lock").touch()
    (out / "secret").symlink_to("/etc/passwd")
    (out.parent / "film.contact_sheet.jpg").write_bytes(b"\xff\xd8sheet")
    request = JobRequest("export", out, out=out)
    runs.runner._jobs["job"] = Job("job", request, "done", result={"saved": 2, "out": str(out), "files": {}})
    run = runs.get(TOKEN)
    assert run is not None
    run.export_job = "job"
    return out


def test_state_rows_and_thumbs(client: TestClient) -> None:
    found = state(client)
    assert found["names"] == ["Ann", "Bob"] and found["count"] > 0
    assert found["choice"] == {"sim": "auto", "min_tenengrad": 0.0, "image_format": "png"}
    rows = client.get(f"/fc/{TOKEN}/rows?since=0&generation=-1")
    assert rows.headers["cache-control"] == "no-store"
    count = found["count"]
    assert len(rows.content) == 20 + count * 33
    face = int.from_bytes(rows.content[20 + 20 * count : 24 + 20 * count], "little")
    thumb = client.get(f"/fc/{TOKEN}/thumb/0.jpg?id={face}")
    assert thumb.content.startswith(b"\xff\xd8") and "immutable" in thumb.headers["cache-control"]
    assert "private" in thumb.headers["cache-control"] and thumb.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"/fc/{TOKEN}/thumb/0.jpg?id={face + 1}").status_code == 404
    assert client.get(f"/fc/{TOKEN}/thumb/999999.jpg?id={face}").status_code == 404
    assert client.get(f"/fc/{TOKEN}/thumb/0.jpg?id=abc").status_code == 400


PATHS = ("state", "rows", "thumb/0.jpg", "archive.zip", "sheet.jpg")
ACTIONS = ("choice", "cancel", "resume", "export")
STRANGERS = ("f" * 32, TOKEN[:-1], TOKEN.upper(), "..", "%2e%2e", "..%2f..%2f", "%5c..", f"{TOKEN}%2f..", "~", "*")


@pytest.mark.parametrize("token", STRANGERS)
def test_an_unknown_token_finds_nothing(client: TestClient, runs: Runs, tmp_path: Path, token: str) -> None:
    put_export(runs, tmp_path)
    for path in PATHS:
        assert client.get(f"/fc/{token}/{path}").status_code == 404, path
    for path in ACTIONS:
        assert client.post(f"/fc/{token}/{path}", json={}).status_code == 404, path


@pytest.mark.parametrize(
    "path", ["../run.json", "run.json", "thumb/..%2f..%2frun.json", "thumb/-1.jpg", "uploads/x", ""]
)
def test_nothing_else_of_a_run_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/fc/{TOKEN}/{path}").status_code == 404


FOREIGN: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"origin": "http://127.0.0.1.evil.example:7860"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_other_pages_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    for path in PATHS:
        assert client.get(f"/fc/{TOKEN}/{path}", headers=headers).status_code == 403
    for path in ACTIONS:
        assert client.post(f"/fc/{TOKEN}/{path}", json={}, headers=headers).status_code == 403


def test_own_page_is_answered(client: TestClient) -> None:
    headers = {"origin": PAGE, "sec-fetch-site": "same-origin"}
    assert client.get(f"/fc/{TOKEN}/state", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "0.0.0.0", "a:b:c"]
)
def test_other_host_names_are_refused(client: TestClient, host: str) -> None:
    assert client.get(f"/fc/{TOKEN}/state", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "[::1]:7860", "LOCALHOST"])
def test_this_computers_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get(f"/fc/{TOKEN}/state", headers={"host": host}).status_code == 200


def test_changes_are_json_only(client: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = client.post(f"/fc/{TOKEN}/choice", content=b'{"sim": 0.5}', headers={"content-type": kind})
        assert answer.status_code == 415
    as_json = {"content-type": "application/json"}
    assert client.post(f"/fc/{TOKEN}/choice", content=b"{", headers=as_json).status_code == 400
    assert client.post(f"/fc/{TOKEN}/choice", content=b"[1]", headers=as_json).status_code == 400
    assert client.post(f"/fc/{TOKEN}/choice", content=b" " * 70_000, headers=as_json).status_code == 413


def test_the_choice_is_remembered_and_checked(client: TestClient, tmp_path: Path) -> None:
    answer = client.post(f"/fc/{TOKEN}/choice", json={"sim": 0.62, "min_tenengrad": 150, "image_format": "webp"})
    assert answer.status_code == 200
    expected = {"sim": 0.62, "min_tenengrad": 150.0, "image_format": "webp"}
    assert state(client)["choice"] == expected
    again = Runs(tmp_path).get(TOKEN)
    assert again is not None and again.settings == expected

    wrong = client.post(f"/fc/{TOKEN}/choice", json={"sim": 7})
    assert wrong.status_code == 409 and "sim" in wrong.json()["error"]
    assert client.post(f"/fc/{TOKEN}/choice", json={"fps": 2}).status_code == 409  # shapes the scan
    assert client.post(f"/fc/{TOKEN}/choice", json={"nonsense": 2}).status_code == 409
    assert state(client)["choice"] == expected


def test_archive_and_sheet(client: TestClient, runs: Runs, tmp_path: Path) -> None:
    assert client.get(f"/fc/{TOKEN}/archive.zip").status_code == 404  # nothing was exported yet
    put_export(runs, tmp_path)
    answer = client.get(f"/fc/{TOKEN}/archive.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["film/Ann/000001.png", "film/Ann/000002.png", "film.contact_sheet.jpg"]
        assert len(archive.read("film/Ann/000001.png")) == 3_000_000
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert "film-1.zip" in answer.headers["content-disposition"]
    assert client.get(f"/fc/{TOKEN}/sheet.jpg").content == b"\xff\xd8sheet"


def test_damage_is_said_in_words(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "runs" / TOKEN / "project.facecrop" / "project.json").write_text("{")
    scan = state(client)["scan"]
    assert "project.json" in scan["error"] and scan["hint"]
