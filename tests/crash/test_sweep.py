"""The operator killed at every write, misled by its watches, and refused by the API server.

Whatever happens, the end is the one that comes without a fault: the same status, the same attempts,
the same Events, and each child made and deleted as often (the oracles of Sieve, OSDI 2022).
"""

from __future__ import annotations

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from insights_store import schema
from tests.crash.faults import API_FAULTS, EVENT_FAULTS, KILLS, Fault
from tests.crash.scenarios import SCENARIOS
from tests.crash.world import Server, World
from tests.postgres import Postgres

pytestmark = pytest.mark.timeout(900)

_SIDE_BY_SIDE = 4
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def sweep(apiserver, kubectl, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    os.environ["KUBECONFIG"] = str(apiserver.kubeconfig)
    postgres = Postgres()
    schema.upgrade(postgres.dsn)
    server = Server(apiserver.kubeconfig)

    def live(name: str, fault: Fault) -> tuple[dict, World]:
        world = World(server, postgres.dsn, f"w{next(_numbers)}", folder, fault)
        try:
            SCENARIOS[name](world)
            return world.end(), world
        finally:
            world.close()

    yield live
    postgres.stop()


def all_end_alike(sweep, name, expected, faults, capsys) -> None:
    began = time.monotonic()

    def ends_alike(fault: Fault) -> str | None:
        try:
            end, world = sweep(name, fault)
        except AssertionError as error:
            return f"{fault}: {error}"
        if world.deaths != world.deaths_due():
            return f"{fault}: the operator died {world.deaths} times"
        differing = {k: (end[k], expected[k]) for k in expected if end[k] != expected[k]}
        return f"{fault}: {differing}" if differing else None

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        wrong = [each for each in pool.map(ends_alike, faults) if each]
    with capsys.disabled():
        print(f"\n{name}: {len(faults)} faults in {time.monotonic() - began:.0f} s", flush=True)
    assert not wrong, f"{len(wrong)} of {len(faults)}:\n" + "\n\n".join(wrong[:5])


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_before_and_after_every_write(sweep, name, capsys) -> None:
    expected, world = sweep(name, Fault())
    count = world.writes()
    assert count >= 5
    assert world.deaths == 0
    faults = [Fault(kind, nth) for nth in range(1, count + 1) for kind in KILLS]
    all_end_alike(sweep, name, expected, faults, capsys)


@pytest.mark.parametrize("name", ["retry", "erase"])
def test_refused_by_the_api_server_at_every_write(sweep, name, capsys) -> None:
    expected, world = sweep(name, Fault())
    faults = [Fault(kind, nth) for nth in range(1, world.writes() + 1) for kind in API_FAULTS]
    all_end_alike(sweep, name, expected, faults, capsys)


@pytest.mark.parametrize("name", ["resume", "retry", "delete", "erase", "retain", "change"])
def test_misled_by_its_watches(sweep, name, capsys) -> None:
    expected, _ = sweep(name, Fault())
    all_end_alike(sweep, name, expected, [Fault(kind) for kind in EVENT_FAULTS], capsys)


@pytest.mark.parametrize("name", ["retry"])
def test_any_event_lost(sweep, name, capsys) -> None:
    expected, world = sweep(name, Fault())
    faults = [Fault("lose", nth) for nth in range(1, world.events() + 1)]
    all_end_alike(sweep, name, expected, faults, capsys)
