"""Fetching packs from a local server: interruptions, tampering, two at once, and what check finds afterwards."""

import hashlib
import io
import json
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import onnx
import pytest
from onnx import TensorProto, helper

from facecrop_core.errors import LicenceError, ModelError
from facecrop_core.models import catalogue, store

NAME = "buffalo_sc"


def _onnx_bytes(outputs: int, side: int) -> bytes:
    """A model with the graph of a detector (nine outputs) or embedder (one), padded with weights."""
    weights = helper.make_tensor("pad", TensorProto.FLOAT, [20000], list(range(20000)))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])
    names = [f"out{i}" for i in range(outputs)]
    nodes = [helper.make_node("Identity", ["input"], [n]) for n in names]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, side, side]) for n in names]
    graph = helper.make_graph(nodes, "test", [picture], values, initializer=[weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString()


def _zip_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


PACK_ZIP = _zip_bytes(
    {f"{NAME}/det.onnx": _onnx_bytes(9, 640), f"{NAME}/rec.onnx": _onnx_bytes(1, 112), "readme.txt": b"x"}
)


class _Server:
    """Serves one zip. ``die_after``: bytes after which the connection is cut, once; ``ranges``: whether Range works."""

    def __init__(self, body: bytes) -> None:
        self.body, self.die_after, self.ranges, self.requests = body, None, True, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                outer.requests.append(wanted)
                start = int(wanted[6:-1]) if wanted and outer.ranges else 0
                body = outer.body[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body)))
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(outer.body) - 1}/{len(outer.body)}")
                self.end_headers()
                cut, outer.die_after = outer.die_after, None
                self.wfile.write(body[:cut])

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(tmp_path, monkeypatch):
    one = _Server(PACK_ZIP)
    monkeypatch.setenv("FACECROP_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("FACECROP_MODEL_MIRROR", one.url)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FACECROP_OFFLINE", raising=False)
    pack = catalogue.PublishedPack(NAME, hashlib.sha256(PACK_ZIP).hexdigest(), 1)
    monkeypatch.setitem(catalogue.PACKS, NAME, pack)
    yield one
    one.close()


def test_fetches_once_and_notes_licence_and_hashes(server):
    seen = []
    folder = store.get_pack(NAME, accept_licence=True, progress=lambda done, total: seen.append((done, total)))
    assert sorted(p.name for p in folder.iterdir()) == ["det.onnx", store.NOTE, "rec.onnx"]
    note = json.loads((folder / store.NOTE).read_text())
    assert note["licence"] == catalogue.INSIGHTFACE_LICENCE and note["accepted_at"]
    assert seen[-1] == (len(PACK_ZIP), len(PACK_ZIP))
    assert store.check_pack(folder) == []
    assert store.get_pack(NAME) == folder, "an installed pack needs no second consent"
    assert len(server.requests) == 1
    assert store.installed_packs()[NAME].checked
    assert not list(folder.parent.glob("*.zip*"))


def test_licence_must_be_accepted(server):
    asked = []
    with pytest.raises(LicenceError, match="non-commercial"):
        store.get_pack(NAME)
    with pytest.raises(LicenceError):
        store.get_pack(NAME, accept_licence=lambda pack: asked.append(pack.licence) is not None)
    assert asked == [catalogue.INSIGHTFACE_LICENCE] and server.requests == []


def test_goes_on_after_the_server_died_half_way(server):
    server.die_after = len(PACK_ZIP) // 2
    folder = store.get_pack(NAME, accept_licence=True)
    assert store.check_pack(folder) == []
    assert server.requests == [None, f"bytes={len(PACK_ZIP) // 2}-"]


def test_goes_on_with_the_part_of_an_earlier_run(server, tmp_path):
    part = tmp_path / "models" / f".{NAME}.zip.part"
    part.parent.mkdir()
    part.write_bytes(PACK_ZIP[:1000])
    store.get_pack(NAME, accept_licence=True)
    assert server.requests == ["bytes=1000-"]


def test_begins_anew_where_the_server_ignores_ranges(server):
    server.die_after, server.ranges = len(PACK_ZIP) // 2, False
    assert store.check_pack(store.get_pack(NAME, accept_licence=True)) == []


def test_a_flipped_byte_is_refused_and_nothing_is_installed(server):
    body = bytearray(PACK_ZIP)
    body[len(body) // 2] ^= 1
    server.body = bytes(body)
    with pytest.raises(ModelError, match="not the published one"):
        store.get_pack(NAME, accept_licence=True)
    assert NAME not in store.installed_packs()
    server.body = PACK_ZIP
    assert store.check_pack(store.get_pack(NAME, accept_licence=True)) == []


def test_two_at_once_fetch_it_once(server):
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda _: store.get_pack(NAME, accept_licence=True), range(2)))
    assert folders[0] == folders[1] and len(server.requests) == 1


def test_offline_and_unreachable_and_unknown(server, monkeypatch):
    with pytest.raises(ModelError, match="no published pack") as unknown:
        store.get_pack("bufalo_l", accept_licence=True)
    assert "buffalo_l" in unknown.value.hint
    monkeypatch.setenv("FACECROP_OFFLINE", "1")
    with pytest.raises(ModelError, match="FACECROP_OFFLINE"):
        store.get_pack(NAME, accept_licence=True)
    monkeypatch.delenv("FACECROP_OFFLINE")
    monkeypatch.setenv("FACECROP_MODEL_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be fetched"):
        store.get_pack(NAME, accept_licence=True)


def test_check_names_altered_cut_and_missing_files(server):
    folder = store.get_pack(NAME, accept_licence=True)
    whole = (folder / "rec.onnx").read_bytes()
    (folder / "rec.onnx").write_bytes(whole[:-10])
    assert store.check_pack(folder) == [f"rec.onnx has {len(whole) - 10} bytes instead of {len(whole)}"]
    (folder / "rec.onnx").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert store.check_pack(folder) == ["rec.onnx was altered"]
    with pytest.raises(ModelError, match=r"rec\.onnx"):
        store.require_intact(folder, folder / "rec.onnx")
    (folder / "rec.onnx").unlink()
    assert store.check_pack(folder) == ["rec.onnx is missing"]
    assert store.check_pack(store.get_pack(NAME, accept_licence=True)) == [], "getting it again mends it"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a/m.onnx": b"1", "b/m.onnx": b"2"}, "twice"),
        ({"readme.txt": b"1"}, "no ONNX"),
        ({f"{i}.txt": b"" for i in range(300)}, "more than a pack"),
    ],
)
def test_odd_zips_are_refused(tmp_path, members, message):
    (tmp_path / "odd.zip").write_bytes(_zip_bytes(members))
    with pytest.raises(ModelError, match=message):
        store.unpack_models(tmp_path / "odd.zip", tmp_path)


def test_members_never_leave_the_folder(tmp_path):
    (tmp_path / "evil.zip").write_bytes(
        _zip_bytes({"../../out.onnx": b"1", "/abs/two.onnx": b"2", "c:\\x\\y.onnx": b"3"})
    )
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert sorted(store.unpack_models(tmp_path / "evil.zip", inside)) == ["out.onnx", "two.onnx", "y.onnx"]
    assert sorted(p.name for p in inside.iterdir()) == ["out.onnx", "two.onnx", "y.onnx"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "evil.zip"]


def test_the_catalogue_is_complete():
    assert set(catalogue.PACKS) == {"buffalo_l", "buffalo_m", "buffalo_s", "buffalo_sc", "antelopev2"}
    for name, pack in catalogue.PACKS.items():
        assert pack.url.endswith(f"/v0.7/{name}.zip") and pack.url.startswith("https://")
        assert len(bytes.fromhex(pack.sha256)) == 32 and "non-commercial" in pack.licence


def test_test_models_are_valid():
    onnx.checker.check_model(onnx.load_from_string(_onnx_bytes(9, 640)))
