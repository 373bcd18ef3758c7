"""Lives of a run, from `kubectl apply` until nothing more happens."""

from __future__ import annotations

from collections.abc import Callable

from tests.crash.world import World

__all__ = ["SCENARIOS"]


def whole(world: World) -> None:
    world.apply()
    world.publish()
    world.wait(lambda: world.says("Finished") == ("True", "Published"))
    world.wait(world.idle)


def suspend(world: World) -> None:
    world.apply()
    world.wait(world.jobs)
    world.apply(suspend=True)
    world.wait(lambda: world.says("Suspended") == ("True", "Suspended"))
    world.wait(world.idle)


def resume(world: World) -> None:
    suspend(world)
    world.apply(suspend=False)
    world.publish()
    world.wait(lambda: world.says("Finished") == ("True", "Published"))
    world.wait(world.idle)


def retry(world: World) -> None:
    world.apply()
    world.fail()
    world.publish()
    world.wait(lambda: world.says("Finished") == ("True", "Published"))
    world.wait(world.idle)


def delete(world: World) -> None:
    world.apply(results={"retention": {"onDelete": "Erase"}})
    world.wait(world.jobs)
    world.delete()
    world.wait(lambda: world.run() is None)
    world.wait(world.idle)


def erase(world: World) -> None:
    world.apply(results={"retention": {"onDelete": "Erase"}})
    world.publish()
    world.wait(lambda: world.says("Finished") == ("True", "Published"))
    world.wait(world.idle)
    world.delete()
    world.wait(lambda: world.run() is None)
    world.wait(lambda: not world.objects())


def retain(world: World) -> None:
    world.apply(results={"retention": {"executions": 1}})
    world.publish()
    world.wait(lambda: world.says("Finished") == ("True", "Published"))
    world.wait(world.idle)
    world.apply(clustering={"seed": 1}, results={"retention": {"executions": 1}})
    world.publish()
    world.wait(lambda: world.says("Finished") == ("True", "Published"))
    world.wait(world.idle)
    world.wait(lambda: world.results() == 1)


def change(world: World) -> None:
    world.apply()
    world.wait(lambda: world.jobs() and world.says("ClusterReady")[0] == "False")
    (first,) = world.jobs()
    world.apply(clustering={"seed": 1})
    world.wait(
        lambda: [j["metadata"]["uid"] for j in world.jobs()] not in ([], [first["metadata"]["uid"]])
    )
    world.publish()
    world.wait(lambda: world.says("Finished") == ("True", "Published"))
    world.wait(world.idle)


def rerun(world: World) -> None:
    whole(world)
    world.annotate(rerun="again")
    world.publish()
    world.wait(lambda: world.says("Finished") == ("True", "Published"))
    world.wait(world.idle)


SCENARIOS: dict[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (whole, suspend, resume, retry, delete, erase, retain, change, rerun)
}
