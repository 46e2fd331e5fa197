"""Addresses that no notice goes to."""

from __future__ import annotations

import socket

import pytest

from mirante.alerts.channels.guard import guarded_socket, is_metadata

BAD = [
    "169.254.169.254",
    "169.254.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
]


@pytest.mark.parametrize("address", BAD)
def test_refused(address: str) -> None:
    assert is_metadata(address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(PermissionError, match="link-local"):
        guarded_socket((family, socket.SOCK_STREAM, 6, "", (address, 80)))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "8.8.8.8", "::1", "fd00::1", "2606:4700::1"])
def test_allowed(address: str) -> None:
    assert not is_metadata(address)
