"""The page in a real browser, with the built-in engine."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import clips
import cv2
import httpx
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
SCENES = (("anna", "carl"), ("grace", "anna"), ("eric",))
READY = "window.fc"
ENDED = "document.querySelector('.fc').dataset.state === 'done'"


def film(path: Path, repeats: int) -> Path:
    clips.cast_clip(path, SCENES * repeats, fps=8)
    return path


@pytest.fixture(scope="session")
def short_film() -> Path:
    return clips.shared("short.mp4", film, 1)[0]


@pytest.fixture(scope="session")
def long_film() -> Path:
    return clips.shared("long.mp4", film, 30)[0]


@pytest.fixture(scope="session")
def annas_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "anna.png"
    cv2.imwrite(str(path), clips.person_photo("anna"))
    return path


def open_page(tab: Any, server: Any) -> None:
    tab.goto(server.url)
    tab.wait_for_function(READY)
    tab.wait_for_selector("#start")


def start(tab: Any, video: Path, photo: Path | None = None, send: bool = False) -> str:
    """Fill the form in, by path or by sending the file, and press Start; returns the run's token."""
    if send:
        tab.locator("#video-upload input[type=file]").set_input_files(str(video))
        tab.wait_for_selector("#video-upload .file-preview")
    else:
        tab.locator("#video-path input, #video-path textarea").fill(str(video))
    if photo is not None:
        tab.locator("#photos input[type=file]").set_input_files(str(photo))
        tab.wait_for_selector("#photos .file-preview")
        tab.locator("#name input, #name textarea").fill("Anna")
    tab.locator("#set-engine input").click()
    tab.get_by_role("option", name="builtin").click()
    before = tab.evaluate("fc.run")
    tab.locator("#start").click()
    tab.wait_for_function(f"fc.run && fc.run !== {json.dumps(before)}")
    return str(tab.evaluate("fc.run"))


def move(tab: Any, control: str, value: float) -> None:
    """Set a slider as dragging does."""
    tab.evaluate(
        "([name, value]) => { const range = document.querySelector(`[data-control=${name}] .fc-range`);"
        " range.value = value; range.dispatchEvent(new Event('input', {bubbles: true})); }",
        [control, value],
    )


def kept(tab: Any) -> int:
    return int(tab.evaluate("fc.counts.kept"))


def test_the_whole_journey(tab: Any, server: Any, short_film: Path, annas_photo: Path) -> None:
    open_page(tab, server)
    run = start(tab, short_film, annas_photo)
    tab.wait_for_function(ENDED, timeout=90_000)
    tab.wait_for_function("fc.counts.kept > 0")
    assert tab.evaluate("fc.names") == ["Anna"]
    everything, matched = tab.evaluate("fc.n"), kept(tab)
    assert 0 < matched < everything
    tab.wait_for_function("[...document.querySelectorAll('.fc-cell img')].some(i => i.classList.contains('fc-there'))")

    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    similarities = sorted(tab.evaluate("[...fc.similarity.slice(0, fc.n)]"), reverse=True)
    move(tab, "similarity", round(similarities[matched // 2], 2))
    tab.wait_for_function(f"fc.counts.kept !== {matched}")
    assert not [url for url in asked if "/rows" in url or "/state" in url]  # nobody was asked
    shown = kept(tab)
    assert 0 < shown < matched
    tab.wait_for_function(f"document.querySelector('[data-view=kept] b').textContent === '{shown}'")

    tab.locator(".fc-write").click()
    tab.wait_for_selector(".fc-download:visible", timeout=60_000)
    with tab.expect_download() as download:
        tab.locator(".fc-download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert len([name for name in names if name.endswith(".png")]) == shown
    assert any(name.endswith("metadata.jsonl") for name in names)
    sheet = httpx.get(f"{server.url}/fc/{run}/sheet.jpg")
    assert sheet.status_code == 200 and sheet.content.startswith(b"\xff\xd8")

    tab.reload()
    tab.wait_for_function("window.fc && fc.n > 0")
    assert tab.evaluate("fc.run") == run
    tab.wait_for_function(f"fc.counts.kept === {shown}")
    assert tab.evaluate("[...document.querySelectorAll('#photos .file-preview')].length") == 0
    assert not tab.troubles


def test_cancel_go_on_and_a_closed_tab(tab: Any, server: Any, long_film: Path) -> None:
    open_page(tab, server)
    run = start(tab, long_film)
    tab.wait_for_function("fc.n > 0 && fc.state.scan.state === 'running'", timeout=60_000)  # faces appear live
    assert tab.locator("[data-control=similarity] .fc-range").is_disabled()  # nobody to compare with
    assert tab.locator(".fc-write").is_disabled()

    address = f"{server.url}/fc/{run}/state"
    context = tab.context
    tab.close()
    before = httpx.get(address).json()["scan"]["progress"]["done"]
    wait_until(lambda: httpx.get(address).json()["scan"]["progress"]["done"] > before)

    again = context.new_page()
    open_page(again, server)
    again.wait_for_function("fc.n > 0")
    assert again.evaluate("fc.run") == run
    began = time.monotonic()
    again.locator(".fc-cancel").click()
    again.wait_for_function("document.querySelector('.fc').dataset.state === 'cancelled'")
    assert time.monotonic() - began < 8
    found = again.evaluate("fc.n")
    assert found > 0 and not again.locator(".fc-write").is_disabled()

    again.locator(".fc-resume").click()
    again.wait_for_function(f"fc.state.scan.state === 'running' && fc.n > {found}", timeout=60_000)
    server.restart()  # as after a crash: the run is found again, and can go on
    assert httpx.get(f"{server.url}/fc/{run}/state").json()["scan"]["state"] == "interrupted"


def wait_until(true: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_mistakes_are_said_in_words(tab: Any, server: Any) -> None:
    open_page(tab, server)
    tab.locator("#video-path input, #video-path textarea").fill("/nowhere/<img src=x onerror=alert(1)>.mp4")
    tab.locator("#start").click()
    tab.wait_for_selector("#message [role=alert]")
    text = tab.locator("#message").inner_text()
    assert "does not exist" in text and "<img" in text  # shown, not run
    assert tab.locator("#message img").count() == 0
    assert tab.evaluate("fc.run") is None


def test_keys_views_and_enlarging(tab: Any, server: Any, short_film: Path) -> None:
    open_page(tab, server)
    run = start(tab, short_film, send=True)
    folder = server.data / "runs" / run
    assert (folder / "uploads" / "video" / "short.mp4").exists()
    assert not list((server.data / "cache").rglob("*.mp4"))
    tab.wait_for_function(ENDED, timeout=90_000)
    tab.locator(".fc-viewport").focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.querySelector('.fc-focused').dataset.position === '1'")
    assert "sharpness" in tab.locator(".fc-detail").inner_text()
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".fc-zoom[open]")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Escape")
    tab.wait_for_function("document.querySelector('.fc-focused').dataset.position === '2'")

    everything = kept(tab)
    move(tab, "sharpness", 1000)  # sharper than any face
    tab.wait_for_function("fc.counts.kept === 0")
    assert "No face passes" in tab.locator(".fc-nothing").inner_text()
    tab.locator("[data-view=left]").click()
    tab.wait_for_function(f"fc.view.length === {everything}")
    assert "not sharp enough" in tab.locator(".fc-detail").inner_text()

    move(tab, "sharpness", 0)
    tab.wait_for_function(f"fc.counts.kept === {everything}")
    tab.locator("#set-size input").fill("256")  # a setting of the crops
    tab.locator("#set-size input").press("Enter")
    wait_until(lambda: json.loads((folder / "run.json").read_text())["settings"].get("size") == 256)
    tab.get_by_text("All settings").click()
    tab.get_by_text("Gates", exact=True).click()
    tab.locator("#set-min-crop-px input").fill("8000")
    tab.locator("#set-min-crop-px input").press("Enter")
    tab.wait_for_function("fc.counts.kept === 0")
    tab.wait_for_function("document.querySelector('.fc-detail').innerText.includes('crop too small')")
    assert not tab.troubles


def test_gradios_own_routes_refuse_other_pages(server: Any) -> None:
    with httpx.Client(base_url=server.url) as client:
        for path in ("/config", "/gradio_api/info", "/gradio_api/file=/etc/passwd"):
            assert client.get(path, headers={"origin": "https://evil.example"}).status_code == 403
        foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert client.post("/gradio_api/queue/join", json={}, headers=foreign).status_code == 403
        assert client.post("/gradio_api/upload", files={"files": b"x"}, headers=foreign).status_code == 403
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400
        assert client.get("/gradio_api/file=https://example.org/").status_code == 404
        assert client.get("/openapi.json").status_code == 404
        assert client.get("/monitoring").status_code in (403, 404)
        for private in (server.data / "runs", server.data / "jobs"):
            for path in private.rglob("*.json"):
                assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_nothing_is_asked_of_other_computers(tab: Any, server: Any) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    open_page(tab, server)
    tab.wait_for_timeout(500)
    assert asked and all(url.startswith((server.url, "data:", "blob:")) for url in asked)
