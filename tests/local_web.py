"""A web server of our own, and sites that yt-dlp knows only in tests: the fetching child imports them from here."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import ExtractorError

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers what the test has set for a path, and counts."""

    protocol_version = "HTTP/1.1"

    def __init__(self, web: Web, *rest: Any) -> None:
        self.web = web
        super().__init__(*rest)

    def do_GET(self) -> None:
        self.web.hits.append(self.path)
        self.web.ranges.append(self.headers.get("Range"))
        answer = self.web.answers.get(self.path.partition("?")[0])
        with contextlib.suppress(OSError):  # the child has hung up
            if answer is None:
                self.send_error(404)
            else:
                answer(self)

    def log_message(self, *_: Any) -> None:
        pass


class Web:
    """A server on this machine with what it was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.hits: list[str] = []
        self.ranges: list[str | None] = []
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = "127.0.0.1", self._server.server_port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.address[1]}{path}"

    def serve(self, path: str, data: bytes, kind: str = "video/mp4", die_after: int | None = None) -> None:
        """Give these bytes, or the part of them that is asked for; ``die_after`` so many, hang up, the first time."""
        left = [die_after]

        def answer(handler: Handler) -> None:
            wanted = handler.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
            handler.send_response(206 if wanted else 200)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(data) - start))
            handler.send_header("ETag", f'"{len(data)}"')
            if wanted:
                handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            handler.end_headers()
            until, left[0] = left[0], None
            handler.wfile.write(data[start:until])
            handler.close_connection = True

        self.answers[path] = answer

    def redirect(self, path: str, target: str) -> None:
        def answer(handler: Handler) -> None:
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.answers[path] = answer

    def endless(self, path: str) -> None:
        """Chunks without end, and no length."""

        def answer(handler: Handler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "video/mp4")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            block = b"10000\r\n" + bytes(0x10000) + b"\r\n"
            while True:
                handler.wfile.write(block)

        self.answers[path] = answer

    def stalled(self, path: str, trickle: bool) -> None:
        """Promises a film and gives a few bytes of it now and then, or does not answer at all."""

        def answer(handler: Handler) -> None:
            if trickle:
                handler.send_response(200)
                handler.send_header("Content-Type", "video/mp4")
                handler.send_header("Content-Length", "100000000")
                handler.end_headers()
            while not self._closing.wait(0.1):
                if trickle:
                    handler.wfile.write(bytes(100_000))

        self.answers[path] = answer

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def web() -> Iterator[Web]:
    server = Web()
    try:
        yield server
    finally:
        server.close()


class LocalSiteIE(InfoExtractor):
    """``/watch/ID``: a page whose first lines say what the video is: title, height, and addresses of its formats."""

    _VALID_URL = r"http://127\.0\.0\.1:\d+/watch/(?P<id>[^/?]+)"

    def _real_extract(self, url: str) -> dict[str, Any]:
        video_id = self._match_id(url)
        if video_id == "private":
            raise ExtractorError("Private video. Sign in if you've been granted access", expected=True)
        page = self._download_webpage(url, video_id)
        title, *lines = page.splitlines()
        formats = []
        for line in lines:
            format_id, ext, vcodec, acodec, height, address = line.split()
            hls = address.endswith(".m3u8")
            formats.append(
                {
                    "format_id": format_id, "ext": ext, "vcodec": vcodec, "acodec": acodec, "url": address,
                    "height": int(height) or None, "protocol": "m3u8_native" if hls else "http",
                }
            )  # fmt: skip
        return {"id": video_id, "title": title, "formats": formats}


class LocalListIE(InfoExtractor):
    """``/list``: three videos."""

    _VALID_URL = r"http://127\.0\.0\.1:\d+/list"

    def _real_extract(self, url: str) -> dict[str, Any]:
        base = url.removesuffix("/list")
        entries = [self.url_result(f"{base}/watch/v{i}", LocalSiteIE.ie_key(), f"v{i}") for i in (1, 2, 3)]
        return self.playlist_result(entries, "list", "A list")
