"""The cache of loaded models."""

from __future__ import annotations

from modules.memory.cache import ByteCache


def test_the_least_recently_used_goes_first_and_the_newest_stays() -> None:
    let_go: list[bool] = []
    cache: ByteCache[str] = ByteCache(10, lambda: let_go.append(True))
    cache.put("a", "A", 4)
    cache.put("b", "B", 4)
    assert cache.get("a") == "A"
    cache.make_room(4)
    cache.put("c", "C", 4)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("A", None, "C")
    cache.make_room(100)
    cache.put("large", "L", 100)
    assert (cache.get("a"), cache.get("large")) == (None, "L")
    assert len(let_go) == 2
