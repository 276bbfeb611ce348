"""No test of this folder may reach the network: what is read is the file and nothing else."""

import socket

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    asked = []

    def refuse(*arguments, **options):
        asked.append(arguments)
        raise OSError("a file made us open a connection")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    yield asked
    assert not asked
