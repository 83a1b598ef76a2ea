"""What a fetching process may connect to: public addresses and nothing else. Runs in the fetching child.

Names are resolved through a guarded ``getaddrinfo``; each connection is looked at again when it is made, so that
neither a redirect nor a name that changes its address between the two gets anywhere. Both stand in Python's own socket
layer: what resolves by itself (curl_cffi) or as a program of its own (ffmpeg, aria2c) is shut out as well.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Collection
from typing import Any

PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty")
SENDING = ("socket.connect", "socket.sendto", "socket.sendmsg")
NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
COMPATIBLE = ipaddress.ip_network("::/96")
UNGUARDED_MODULES = ("curl_cffi",)

refused: list[str] = []
"""Hosts that were refused, in the order of the attempts."""


class RefusedAddressError(OSError):
    """A host that is not on the public internet."""

    def __init__(self, host: object) -> None:
        super().__init__(errno.EACCES, f"{host} is not a public address")
        refused.append(str(host))


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet: not loopback, private, link-local, shared, reserved or
    multicast, nor an IPv6 form (mapped, compatible, NAT64, 6to4, Teredo) of such an IPv4 address.

    Anything but a plain address, a name for instance, is not public.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _inner_ipv4(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)


def _inner_ipv4(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in COMPATIBLE or any(ip in network for network in NAT64):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def install(also: Collection[tuple[str, int]] = ()) -> None:
    """Guard this process for the rest of its life: no address but public ones, no other program, no native resolver.

    Args:
        also: (address, port) pairs that are let through although they are not public. Tests give their own server;
            nothing that a user or a link says can reach it.
    """
    allowed = frozenset(also)
    resolve = socket.getaddrinfo

    def may_reach(host: object, port: object) -> bool:
        return (host, port) in allowed or (isinstance(host, str) and is_public(host))

    def guarded_getaddrinfo(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        found = resolve(host, port, *rest, **named)
        public = [entry for entry in found if may_reach(entry[4][0], entry[4][1])]
        if not public:
            raise RefusedAddressError(host)
        return public

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in PROGRAMS:
            raise PermissionError(errno.EPERM, "no other program may be started while a link is fetched")
        if event in SENDING:
            address = arguments[1]
            if address is None:  # the socket is connected, and was looked at then
                return
            if not isinstance(address, tuple) or not may_reach(address[0], address[1]):
                raise RefusedAddressError(address[0] if isinstance(address, tuple) else address)

    for name in UNGUARDED_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    socket.getaddrinfo = guarded_getaddrinfo
    sys.addaudithook(watch)  # cannot be taken off again
