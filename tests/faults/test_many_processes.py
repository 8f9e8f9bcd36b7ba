"""Many processes write at once, forked ones too: every append is there, in order, without an error."""

from __future__ import annotations

import pytest

from recollect import Store

from .conftest import rounds, url_of
from .talk import told


def test_eight_processes_append_to_one_session(url, nursery):
    writers = [f"w{number}" for number in range(8)]
    nursery.run(
        *[{"do": "append", "url": url, "session": "s", "writer": writer, "count": 50} for writer in writers]
    )
    assert _turns(url, "s") == dict.fromkeys(writers, 50)


def test_async_stores_of_four_processes_share_a_file(tmp_path, nursery, request):
    url = url_of("sqlite", tmp_path)
    groups = [[f"p{process}-{number}" for number in range(16)] for process in range(4)]
    count = rounds(10, 50)
    said = nursery.run(
        *[{"do": "append_async", "url": url, "sessions": sessions, "count": count} for sessions in groups]
    )
    worst = max(words["worst"] for words in said if "worst" in words)
    request.node.user_properties.append(("worst_wait_seconds", worst))
    assert worst < 10
    for sessions in groups:
        for session_id in sessions:
            assert _turns(url, session_id) == {session_id: count}


@pytest.mark.parametrize("job", ["forked", "forked_async"])
def test_a_store_goes_on_in_forked_processes(url, nursery, job):
    children = ["one", "two", "three"]
    for number in range(rounds(1, 10)):
        session_id = f"s{number}"
        nursery.run({"do": job, "url": url, "session": session_id, "children": children, "count": 20})
        assert _turns(url, session_id) == {"before": 1, **dict.fromkeys([*children, "parent"], 20)}


def _turns(url, session_id):
    """How many turns of each writer are in a session, all of which are checked."""
    with Store(url) as store:
        report = store.verify(session_id)
        assert report.clean, report.findings
        return told(store.get(session_id).messages())
