"""Stores on disk, and processes to write to them."""

from __future__ import annotations

import os

import pytest

from .nursery import Nursery

SOAKING = "RECOLLECT_SOAK" in os.environ


def rounds(short: int, full: int) -> int:
    """How often a random fault is tried: ``full`` times under ``make soak``."""
    return full if SOAKING else short


@pytest.fixture(scope="module")
def nursery():
    """Processes that may be killed."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(params=["sqlite", "files"])
def url(request, tmp_path):
    """A store that is not there yet, of either engine that is on a disk."""
    return url_of(request.param, tmp_path)


def url_of(engine, folder):
    """A store's URL inside a folder."""
    return f"sqlite:///{folder}/a.db" if engine == "sqlite" else f"file://{folder}/store"
