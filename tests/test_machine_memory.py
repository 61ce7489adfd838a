"""Memory of a machine and of containers, of both versions of cgroups."""

import pytest

from mixdmt_tf import machine_memory

# The same parts in both versions; what caches files gives way.
PARTS = "anon 300000\nactive_file 5\ninactive_file 200000\ntotal_inactive_file 7\n"
NAMES = {
    1: ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    2: ("memory.max", "memory.current"),
}


@pytest.fixture(name="container", params=NAMES)
def fixture_container(request, tmp_path, monkeypatch):
    """Its two files, of a limit and what is used of it; the limit is not there yet."""
    limit, used = (tmp_path / name for name in NAMES[request.param])
    used.parent.mkdir(exist_ok=True)
    used.write_text("500000\n")
    used.with_name("memory.stat").write_text(PARTS)
    monkeypatch.setattr(machine_memory, "_GROUPS", tmp_path)
    return limit, used


def test_a_container_has_what_it_is_given(container):
    """Of the two versions of cgroups one has a file, or none."""
    limit, _ = container
    physical, free = machine_memory.total(), machine_memory.available()
    assert 0 < free <= physical
    for text in ("max\n", f"{2**63 - 4096}\n"):  # as the versions have no limit
        limit.write_text(text)
        assert machine_memory.total() == physical
        assert machine_memory.available() > 1_000_000
    limit.write_text("1000000\n")
    assert machine_memory.total() == 1_000_000
    assert machine_memory.available() == 1_000_000 - (500_000 - 200_000)


def test_a_container_that_is_full_has_nothing(container):
    limit, used = container
    limit.write_text("1000000\n")
    used.write_text("1300000\n")
    assert machine_memory.available() == 0


def test_a_machine_has_what_it_calls_available(tmp_path, monkeypatch):
    place = tmp_path / "meminfo"
    monkeypatch.setattr(machine_memory, "_SYSTEM", place)
    assert machine_memory.available() <= machine_memory.total()  # no such file
    place.write_text("MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable: 3 kB\nHuge: 0\n")
    assert machine_memory.available() == 3 * 1024
