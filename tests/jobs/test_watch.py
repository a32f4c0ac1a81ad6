"""jobs.watch: no change is missed, and waiting costs coroutines no thread."""

from __future__ import annotations

import asyncio
import threading
import time

from modules.jobs.watch import Watch


def test_wait_returns_at_once_when_something_changed_before() -> None:
    watch = Watch()
    version = watch.version
    watch.bump()
    assert watch.wait(version) == watch.version == version + 1


def test_wait_ends_at_its_timeout() -> None:
    watch = Watch()
    assert watch.wait(0, 0.01) == 0


def test_every_waiting_thread_wakes() -> None:
    watch = Watch()
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(watch.wait(0, 60))) for _ in range(8)]
    for thread in threads:
        thread.start()
    watch.bump()
    for thread in threads:
        thread.join(60)
    assert seen and set(seen) == {1} and len(seen) == 8


def test_an_observer_that_looks_then_waits_misses_nothing() -> None:
    watch, total, seen = Watch(), 0, 0

    def change() -> None:
        nonlocal total
        for _ in range(500):
            with watch.lock:
                total += 1
                watch.bump()

    changing = threading.Thread(target=change)
    changing.start()
    while seen < 500:
        version = watch.version
        if (seen := total) < 500:
            assert watch.wait(version, 60) != version
    changing.join(60)


def test_two_hundred_coroutines_wait_on_one_thread() -> None:
    watch = Watch()

    async def main() -> list[int]:
        waiting = [asyncio.create_task(watch.wait_async(0, 60)) for _ in range(200)]
        await asyncio.sleep(0)
        threads = threading.active_count()
        threading.Thread(target=watch.bump).start()
        answers = await asyncio.gather(*waiting)
        assert threads <= threading.active_count() + 1
        assert await watch.wait_async(1, 0.01) == 1
        assert await watch.wait_async(0) == 1
        return answers

    assert asyncio.run(main()) == [1] * 200
    watch.bump()  # nobody of the closed loop is called any more


def test_a_cancelled_coroutine_leaves_nothing_behind() -> None:
    watch = Watch()

    async def main() -> None:
        task = asyncio.create_task(watch.wait_async(0))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert not watch._listeners
    before = time.monotonic()
    watch.bump()
    assert time.monotonic() >= before


class Silent:
    """Something that changes without telling: `looked` at it, a watch learns of it."""

    def __init__(self) -> None:
        self.watch = Watch(self.look)
        self.told = self.number = 0

    def look(self) -> bool:
        if self.number != self.told:
            self.told = self.number
            self.watch.bump()
        return True


def test_who_waits_learns_of_what_changes_in_silence() -> None:
    silent = Silent()
    changing = threading.Timer(0.05, setattr, (silent, "number", 1))
    changing.start()
    assert silent.watch.wait(0, 60) == 1
    silent.number = 2
    assert silent.watch.wait(1, 60) == 2, "it looks before it sleeps"
    assert silent.watch.wait(2, 0.01) == 2, "and ends at its timeout"


def test_a_coroutine_learns_of_it_too() -> None:
    silent = Silent()

    async def main() -> tuple[int, int]:
        asyncio.get_running_loop().call_later(0.05, setattr, silent, "number", 1)
        return await silent.watch.wait_async(0, 60), await silent.watch.wait_async(1, 0.01)

    assert asyncio.run(main()) == (1, 1)
