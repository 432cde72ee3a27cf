"""Ports that kernels get: of their process, free, and others where those are taken."""

import multiprocessing
import os
import socket

import pytest

from nokenlab.runs import ports


def test_they_are_free_and_the_same_until_somebody_takes_one(monkeypatch):
    process = os.getpid() + 2_000  # this one may have kernels that still close theirs
    monkeypatch.setattr(ports.os, "getpid", lambda: process)
    first = ports.kernel_ports()
    assert list(first) == list(ports.NAMES) and first == ports.kernel_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["iopub_port"]))
        taken.listen()
        assert not set(first.values()) & set(ports.kernel_ports().values())
    assert first == ports.kernel_ports()


def test_no_two_processes_have_one_in_common():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = [pool.apply_async(ports.kernel_ports) for _ in range(8)]
        of_others = {tuple(one.get().values()) for one in found}
    own = [*of_others, tuple(ports.kernel_ports().values())]
    assert len({port for five in own for port in five}) == 5 * len(own)


def test_none_is_left(monkeypatch):
    monkeypatch.setattr(ports, "_are_free", lambda five: False)
    with pytest.raises(OSError, match="all ports from 10000 to 31999 are taken"):
        ports.kernel_ports()
