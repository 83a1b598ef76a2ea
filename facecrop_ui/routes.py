"""The page's own routes below ``/fc``. Each goes through ``_Routes.run_of``, which checks the token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from facecrop_core.errors import FacecropError
from facecrop_core.pipeline.archive import stream_zip
from facecrop_ui.live import LiveViews, Snapshot
from facecrop_ui.report import report
from facecrop_ui.runs import Run, Runs

NO_STORE = {"Cache-Control": "no-store"}
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""For what never changes: thumbnails are asked for by face, not by row alone."""
MAX_BODY_BYTES = 64 * 1024
Handler = Callable[[Request, Run], Awaitable[Response]]


def make_routes(runs: Runs) -> list[Route]:
    routes = _Routes(runs)
    get: dict[str, Handler] = {
        "state": routes.state,
        "rows": routes.rows,
        "thumb/{index:int}.jpg": routes.thumb,
        "archive.zip": routes.archive,
        "sheet.jpg": routes.sheet,
    }
    post: dict[str, Handler] = {
        "choice": routes.choice,
        "cancel": routes.cancel,
        "resume": routes.resume,
        "export": routes.export,
    }
    return [
        *(Route(f"/fc/{{run}}/{path}", routes.checked(handler), methods=["GET"]) for path, handler in get.items()),
        *(Route(f"/fc/{{run}}/{path}", routes.posted(handler), methods=["POST"]) for path, handler in post.items()),
    ]


class _Routes:
    def __init__(self, runs: Runs) -> None:
        self.runs, self.views = runs, LiveViews()

    def run_of(self, request: Request) -> Run:
        run = self.runs.get(request.path_params["run"])
        if run is None:
            raise HTTPException(404)
        return run

    def checked(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            run = self.run_of(request)
            try:
                return await handler(request, run)
            except FacecropError as error:
                return JSONResponse({"error": error.message, "hint": error.hint}, 409, NO_STORE)

        return endpoint

    def posted(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def only_json(request: Request, run: Run) -> Response:
            if request.headers.get("content-type", "").split(";")[0] != "application/json":
                raise HTTPException(415)
            if int(request.headers.get("content-length", "0")) > MAX_BODY_BYTES:
                raise HTTPException(413)
            return await handler(request, run)

        return self.checked(only_json)

    async def state(self, request: Request, run: Run) -> Response:
        return JSONResponse(await to_thread.run_sync(self._state, run), headers=NO_STORE)

    def _state(self, run: Run) -> dict[str, Any]:
        view, job, trouble = self.views.of(self.runs.project_folder(run)), self.runs.scan_job(run), None
        try:
            snapshot = view.refresh(run.full_settings(), hurry=job is None or job.state != "running")
        except FacecropError as error:
            snapshot, trouble = view.snapshot, error
        return report(run, job, self.runs.export_job(run), snapshot, trouble)

    async def rows(self, request: Request, run: Run) -> Response:
        snapshot = self._snapshot(run)
        since, generation = _number(request, "since"), _number(request, "generation")
        body = await to_thread.run_sync(snapshot.pack, since, generation)
        return Response(body, media_type="application/octet-stream", headers=NO_STORE)

    async def thumb(self, request: Request, run: Run) -> Response:
        index = int(request.path_params["index"])
        image = await to_thread.run_sync(self._snapshot(run).thumb, index, _number(request, "id"))
        if image is None:
            raise HTTPException(404)
        return Response(image, media_type="image/jpeg", headers=FOREVER)

    def _snapshot(self, run: Run) -> Snapshot:
        return self.views.of(self.runs.project_folder(run)).snapshot

    async def archive(self, request: Request, run: Run) -> Response:
        folder = self._exported(run).parent
        named = f"attachment; filename*=UTF-8''{quote(folder.name)}.zip"
        return StreamingResponse(
            stream_zip(folder), media_type="application/zip", headers=NO_STORE | {"Content-Disposition": named}
        )

    async def sheet(self, request: Request, run: Run) -> Response:
        out = self._exported(run)
        path = out.with_name(f"{out.name}.contact_sheet.jpg")
        if not path.is_file() or path.is_symlink():
            raise HTTPException(404)
        return FileResponse(path, headers=NO_STORE)

    def _exported(self, run: Run) -> Path:
        """The folder of the last export, once it is finished."""
        job = self.runs.export_job(run)
        if job is None or job.state != "done" or job.request.out is None or not job.request.out.is_dir():
            raise HTTPException(404)
        return job.request.out

    async def choice(self, request: Request, run: Run) -> Response:
        await to_thread.run_sync(self.runs.choose, run, await _body(request))
        return JSONResponse({"revision": run.revision})

    async def cancel(self, request: Request, run: Run) -> Response:
        self.runs.cancel(run)
        return JSONResponse({})

    async def resume(self, request: Request, run: Run) -> Response:
        await to_thread.run_sync(self.runs.resume, run)
        return JSONResponse({})

    async def export(self, request: Request, run: Run) -> Response:
        await to_thread.run_sync(self.runs.choose, run, await _body(request))
        await to_thread.run_sync(self.runs.export, run)
        return JSONResponse({})


def _number(request: Request, name: str) -> int:
    try:
        return int(request.query_params.get(name, "0"))
    except ValueError:
        raise HTTPException(400) from None


async def _body(request: Request) -> dict[str, Any]:
    try:
        values = await request.json()
    except ValueError:
        raise HTTPException(400) from None
    if not isinstance(values, dict):
        raise HTTPException(400)
    return values
