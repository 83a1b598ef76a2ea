from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from local_web import Web, web

from facecrop_core.sources.guard import is_public

PRELUDE = (
    "import os, socket, sys; sys.path[:] = {path!r}; from facecrop_core.sources import guard; guard.install({also});"
)


@pytest.fixture
def inner() -> Iterator[Web]:
    with web() as server:
        yield server


def run_guarded(code: str, also: tuple[tuple[str, int], ...] = ()) -> str:
    command = [sys.executable, "-c", PRELUDE.format(path=sys.path, also=also) + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


INSIDE = """0.0.0.0 127.0.0.1 127.255.0.3 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 240.0.0.1
    255.255.255.255 192.0.2.1 198.18.0.1 :: ::1 fe80::1 fe80::1%eth0 fc00::1 fec0::1 ff02::1 ::ffff:127.0.0.1
    ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 2002:7f00:1:: 2002:a00:1::
    2001:db8::1 localhost 2130706433 0x7f000001 0177.0.0.1 127.1 example.org"""
OUTSIDE = "1.1.1.1 93.184.216.34 2606:4700::1111 ::ffff:1.1.1.1 64:ff9b::101:101"


@pytest.mark.parametrize("address", INSIDE.split())
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE.split())
def test_public(address: str) -> None:
    assert is_public(address)


def test_every_way_of_writing_this_machine_is_refused(inner: Web) -> None:
    port = inner.address[1]
    hosts = [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "::1",
        "::ffff:127.0.0.1",
        "0",
    ]
    code = f"""
for host in {hosts!r}:
    try:
        socket.create_connection((host, {port}), 5); print("reached", host)
    except OSError as error:
        print(type(error).__name__)
for kind, address in ((socket.AF_INET, ("localhost", {port})), (socket.AF_INET, ("127.1", {port}))):
    try:
        socket.socket(kind).connect(address); print("reached", address)
    except OSError as error:
        print(type(error).__name__)
"""
    out = run_guarded(code).split("\n")
    assert "RefusedAddressError" in out and not [line for line in out if "reached" in line]
    assert len(out) == len(hosts) + 3 and set(out) <= {"RefusedAddressError", "gaierror", ""}
    assert inner.hits == []


def test_a_name_that_changes_its_address_is_refused_when_connecting(inner: Web) -> None:
    code = f"""
real = socket.getaddrinfo
socket.getaddrinfo = lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", {inner.address[1]}))]
try:
    socket.create_connection(("rebinding.example", {inner.address[1]}), 5); print("reached")
except guard.RefusedAddressError:
    print("refused")
"""
    assert run_guarded(code).strip() == "refused"


def test_the_allowance_is_for_one_port_only(inner: Web) -> None:
    code = f"""
socket.create_connection(("127.0.0.1", {inner.address[1]}), 5).close(); print("reached")
try:
    socket.create_connection(("127.0.0.1", {inner.address[1] + 1}), 5)
except guard.RefusedAddressError:
    print("refused")
"""
    assert run_guarded(code, (inner.address,)).split() == ["reached", "refused"]


def test_no_other_program_and_no_other_resolver() -> None:
    code = """
import subprocess
for start in (lambda: subprocess.run(["true"]), lambda: os.system("true"), lambda: os.fork(),
              lambda: os.posix_spawn("/bin/true", ["true"], {}), lambda: os.execv("/bin/true", ["true"]),
              lambda: socket.socket(socket.AF_UNIX).connect("/tmp/x")):
    try:
        start(); print("started")
    except OSError:
        print("refused")
try:
    import curl_cffi; print("imported")
except ImportError:
    print("refused")
"""
    assert run_guarded(code).split() == ["refused"] * 7
