"""No notice goes to link-local addresses: that is where clouds hand out credentials."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv6Address, ip_address
from typing import Any

__all__ = ["guarded_socket", "is_metadata"]

_METADATA = {ip_address("fd00:ec2::254"), ip_address("100.100.100.200"), ip_address("168.63.129.16")}


def is_metadata(address: str) -> bool:
    """Say whether an address is link-local or a cloud's metadata server.

    Examples
    --------
    >>> is_metadata("169.254.169.254"), is_metadata("::ffff:169.254.169.254"), is_metadata("127.0.0.1")
    (True, True, False)
    """
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found.packed[:12] == b"\x00\x64\xff\x9b" + b"\x00" * 8:  # NAT64
            inner = ip_address(found.packed[12:])  # type: ignore[assignment]  # four bytes give an IPv4 address
        if inner is not None:
            return inner.is_link_local or inner in _METADATA
    return found.is_link_local or found in _METADATA


def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """Make the socket of a connection, after a look at the address that it really goes to.

    Parameters
    ----------
    info : tuple
        As from ``socket.getaddrinfo``, after names are resolved: literals come here too.

    Raises
    ------
    PermissionError
        If the address is refused.
    """
    family, kind, protocol, _name, address = info
    if is_metadata(str(address[0])):
        told = f"the address {address[0]} is link-local or a metadata server; notices do not go there"
        raise PermissionError(errno.EACCES, told)
    return socket.socket(family, kind, protocol)
