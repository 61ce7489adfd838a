"""One owner of an address at a time, and dead ones don't count."""

import json
import os
import subprocess
import sys
import time

import pytest

from mixdmt_tf import store_locks
from mixdmt_tf.errors import UserError
from mixdmt_tf.stores import Store
from tests import stored


@pytest.fixture(name="store")
def fixture_store(monkeypatch):
    monkeypatch.setattr(store_locks, "SETTLE", 0.0)
    return Store(stored.address())


def lock_of(store, **fields):
    """Writes the lock of somebody else."""
    other = {"owner": "process 7 on elsewhere", "token": "1", "machine": "elsewhere"}
    other.update(process=7, alive=time.time())
    store.write(store_locks.NAME, json.dumps({**other, **fields}).encode())


def test_a_second_owner_is_refused_until_the_first_is_done(store):
    first = store_locks.Lock(store)
    first.take()
    with pytest.raises(UserError) as refused:
        store_locks.Lock(store).take()
    lines = str(refused.value).splitlines()
    assert f"is in use by process {os.getpid()} on " in lines[0] and len(lines) == 2
    first.require()
    first.release()
    store_locks.Lock(store).take()


def test_owners_that_are_alive_are_named(store):
    lock_of(store, alive=time.time() - 100)
    with pytest.raises(UserError, match="by process 7 on elsewhere, last heard of 2 m"):
        store_locks.Lock(store).take()


def test_a_silent_owner_is_replaced_with_a_line(store):
    said = []
    lock_of(store, alive=time.time() - store_locks.STALE - 60)
    lock = store_locks.Lock(store, said.append)
    lock.take()
    lock.require()
    assert len(said) == 1 and "silent for 11 min: taken over" in said[0]


def test_a_process_of_this_machine_that_is_no_more(store):
    """Nobody has to wait after a kill."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    lock_of(store, machine=store_locks.machine(), process=os.getppid())
    with pytest.raises(UserError, match="in use"):
        store_locks.Lock(store).take()
    child.wait()
    for ended in (child.pid, os.getpid()):  # or had the number that is ours now
        lock_of(store, machine=store_locks.machine(), process=ended)
        lock = store_locks.Lock(store)
        lock.take()
        lock.release()


def test_who_was_replaced_finds_out(store):
    lock = store_locks.Lock(store)
    lock.take()
    lock_of(store)
    with pytest.raises(UserError, match="in use by process 7 on elsewhere"):
        lock.require()
    lock.release()
    assert json.loads(store.read(store_locks.NAME))["process"] == 7


def test_signs_of_life(store, monkeypatch):
    monkeypatch.setattr(store_locks, "REFRESH", 0.01)
    lock = store_locks.Lock(store)
    lock.take()
    first = json.loads(store.read(store_locks.NAME))["alive"]
    deadline = time.monotonic() + 10
    while json.loads(store.read(store_locks.NAME))["alive"] == first:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    lock.release()
    assert not store.exists(store_locks.NAME)


def test_half_of_a_lock_is_nobodys(store):
    store.write(store_locks.NAME, b'{"owner": "proc')
    store_locks.Lock(store).take()
