"""The conformance kit itself: it fails broken engines, its corpora and tools are what they say."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from msgspec import structs

from recollect import BusyError, ConflictError, UnavailableError, UnknownOutcomeError
from recollect.backend import Key
from recollect.backends.memory import MemoryBackend
from recollect.testing import BackendSuite, Clock, FaultyBackend, hazards
from recollect.testing import making as m
from recollect.testing.driving import Driven, step
from recollect.testing.verbs.suite import AsyncStoreSuite, StoreSuite


class FoldsNames(MemoryBackend):
    """Confuses ids that differ in case only."""

    async def commit(self, *commits):
        await super().commit(*(structs.replace(c, key=self._folded(c.key)) for c in commits))

    async def row(self, key):
        return await super().row(self._folded(key))

    @staticmethod
    def _folded(key):
        return Key(key.namespace, key.session_id.casefold())


class IgnoresBase(MemoryBackend):
    """Takes every commit, whatever it is based on."""

    async def commit(self, *commits):
        for commit in commits:
            row = await self.row(commit.key)
            await super().commit(structs.replace(commit, base=row.version if row else 0))


class OrdersByTime(MemoryBackend):
    """Gives records back by their time."""

    async def read(self, key, **window):
        records = await super().read(key, **window)
        at = {seq: record.at for seq, record in self._logs[key].records.items()} if records else {}
        return sorted(records, key=lambda record: at[record[0]])


class TrimsBodies(MemoryBackend):
    """Loses white space at the end of bodies."""

    async def read(self, key, **window):
        return [(*record[:3], record[3].rstrip()) for record in await super().read(key, **window)]


class LeaksNamespaces(MemoryBackend):
    """Searches everywhere."""

    async def search(self, query):
        hits = []
        for namespace in await self.namespaces():
            rows = structs.replace(query.rows, namespace=namespace)
            hits += await super().search(structs.replace(query, rows=rows))
        return hits


class ForgetsHalf(MemoryBackend):
    """Applies several commits one by one."""

    async def commit(self, *commits):
        for commit in commits:
            await super().commit(commit)


class LikesWildcards(MemoryBackend):
    """Takes % in a prefix for anything."""

    async def find(self, query):
        if query.prefix is not None:
            query = structs.replace(query, prefix=query.prefix.rstrip("%"))
        return await super().find(query)


class ForgivesClosing(MemoryBackend):
    """Goes on after close."""

    async def close(self):
        return


@pytest.mark.parametrize(
    ("broken", "contract"),
    [
        (FoldsNames, "test_deleting_one_of_two_similar_ids_keeps_the_other"),
        (IgnoresBase, "test_of_racing_creators_exactly_one_wins"),
        (OrdersByTime, "test_order_is_seq_though_clocks_run_backwards"),
        (TrimsBodies, "test_each_odd_body_in_a_commit_of_its_own"),
        (LeaksNamespaces, "test_other_namespaces_are_never_found"),
        (LikesWildcards, "test_prefixes_tags_and_texts_are_literal"),
    ],
)
def test_a_broken_engine_fails_its_contract(broken, contract):
    engine = Driven(broken())
    engine.open()
    with pytest.raises((AssertionError, ConflictError, ValueError)):
        getattr(BackendSuite(), contract)(engine)
    engine.close()


def test_engines_that_commit_by_halves_or_stay_open_fail():
    engine = Driven(ForgetsHalf())
    engine.open()
    with pytest.raises(AssertionError):
        BackendSuite().test_one_conflict_among_several_undoes_all(engine, 2)
    engine = Driven(ForgivesClosing())
    engine.open()
    with pytest.raises(pytest.fail.Exception):
        BackendSuite().test_use_after_close_is_refused(engine, "read")


def test_fixtures_of_the_contracts_do_not_hide_each_other():
    for suite in (BackendSuite, StoreSuite):
        seen = {}
        for base in suite.__mro__[1:]:
            for name in vars(base):
                if not name.startswith("_") and name != "make_backend":
                    assert name not in seen, f"{name} is in {base.__name__} and {seen[name]}"
                    seen[name] = base.__name__
    assert AsyncStoreSuite.asynchronous


def test_the_hazards_are_what_they_say():
    assert len(hazards.SESSION_IDS) >= 150
    assert len(set(hazards.SESSION_IDS)) == len(hazards.SESSION_IDS)
    for session_id in hazards.SESSION_IDS:
        assert 1 <= len(session_id) <= 255
        assert not {unicodedata.category(char) for char in session_id} & {"Cc", "Cs"}
    assert len({session_id.casefold() for session_id in hazards.SESSION_IDS}) < len(hazards.SESSION_IDS)
    folded = {unicodedata.normalize("NFC", session_id) for session_id in hazards.SESSION_IDS}
    assert len(folded) < len(hazards.SESSION_IDS)
    assert any(len(session_id.encode()) == 1020 for session_id in hazards.SESSION_IDS)


def test_faults_follow_the_plan_then_the_rates():
    inner = MemoryBackend()
    step(inner.open())
    faulty = FaultyBackend(inner, plan=["lost_reply", "lost_commit", "error", "busy", "none"])
    stored = []
    for n, error in enumerate([UnknownOutcomeError, UnknownOutcomeError, UnavailableError, BusyError, None]):
        key = m.key(f"s{n}")
        if error is None:
            step(faulty.commit(m.create(key, ["x"])))
        else:
            with pytest.raises(error):
                step(faulty.commit(m.create(key, ["x"])))
        stored.append(step(inner.row(key)) is not None)
    assert stored == [True, False, False, False, True]
    assert [call.fault for call in faulty.calls] == ["lost_reply", "lost_commit", "error", "busy", "none"]


def test_a_seed_repeats_its_faults():
    def run(seed):
        inner = MemoryBackend()
        step(inner.open())
        faulty = FaultyBackend(inner, seed=seed, rates={"error": 0.3, "delay": 0.2}, verbs=("row",))
        for _ in range(200):
            try:
                step(faulty.row(m.key()))
            except UnavailableError:
                continue
        return [call.fault for call in faulty.calls]

    assert run(1) == run(1) != run(2)
    assert 30 < run(1).count("error") < 90
    assert 15 < run(1).count("delay") < 70


def test_the_clock_moves_when_told():
    clock = Clock(start=10, step=1)
    assert [clock.now(), clock.now()] == [11, 12]
    clock.advance(2)
    step(clock.sleep(0.5))
    assert (clock.time, clock.slept) == (2_500_012, [0.5])


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
def test_without_its_extra_it_says_how_to_install_it(missing):
    code = f"""
import sys
sys.modules[{missing!r}] = None
from recollect import MissingExtraError
try:
    import recollect.testing
except MissingExtraError as error:
    print(error.hint)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == 'pip install "recollect[testing]"'
