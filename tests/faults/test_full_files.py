"""Files that may not grow any more: a typed error, nothing torn, and on it goes once there is room."""

from __future__ import annotations

import pytest

from recollect import Store

from .conftest import url_of
from .talk import told

resource = pytest.importorskip("resource", reason="needs limits on the size of files")


def test_files_that_may_not_grow(tmp_path, nursery):
    url = url_of("files", tmp_path)
    limits = [600_000, 900_000, 901_000, 1_500_000]
    said = nursery.run({"do": "full_disk", "url": url, "limits": limits})
    full = [words for words in said if "full" in words]
    assert len(full) == len(limits)
    for words in full:
        assert words["seen"] == 2 * words["done"]
        assert str(tmp_path) in words["full"]
    with Store(url) as store:
        report = store.verify()
        assert report.clean, report.findings
        assert told(store.get("s").messages()) == {"w": said[-1]["done"]}
        assert store.stats().messages == 2 * said[-1]["done"]
    assert said[-1]["done"] > 50
