"""One owner of a folder or an address at a time, seen to live and seen to have ended.

A second thread plays the other machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from mixdmt_tf import leases
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import owners
from mixdmt_tf.stores import Store
from tests import stored

NAME = "lease.json"
OTHER = {"owner": "process 7 on elsewhere", "token": "1", "machine": "x", "process": 7}
SHORT = leases.Timing(beat=0.02, watch=0.3)
LONG = leases.Timing(beat=0.02, watch=60.0)


@pytest.fixture(name="place", params=["folder", "store"])
def fixture_place(request, tmp_path):
    if request.param == "folder":
        return owners._Folder(tmp_path)
    return Store(stored.address())


def lease_of(place, timing=SHORT, say=lambda _: None):
    return leases.Lease(place, NAME, "runs/a", timing, say)


def write(place, **fields):
    """Writes the record of somebody else."""
    place.write(NAME, json.dumps({**OTHER, "beat": 0, **fields}).encode())


def record(place):
    return json.loads(place.read(NAME))


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_owner_shows_that_it_is_alive_and_leaves_nothing(place):
    lease, before = lease_of(place), 0
    for _ in range(2):  # a second time, too
        lease.take()
        assert record(place)["process"] == os.getpid()
        until(lambda least=before + 2: record(place)["beat"] >= least)
        lease.require()
        with pytest.raises(leases.InUse, match=f"in use by process {os.getpid()} on "):
            lease_of(place, LONG).take()
        lease.release()
        before = lease._record.beat
        with pytest.raises(FileNotFoundError):
            place.read(NAME)


@pytest.mark.parametrize("hours", [-7, 0, 7])  # no clock is asked
def test_a_living_owner_of_another_machine_is_named(hours, place, monkeypatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600 * hours)
    write(place)
    threading.Timer(0.1, write, [place], {"beat": 1}).start()
    said = []
    with pytest.raises(UserError) as refused:
        lease_of(place, LONG, said.append).take(True)
    assert str(refused.value).splitlines() == [
        "runs/a is in use by process 7 on elsewhere.",
        "Wait for it, stop it, or choose another --workdir.",
    ]
    assert said == [
        "runs/a was in use by process 7 on elsewhere: waiting up to 60 s for a sign of "
        "life"
    ]
    assert record(place)["token"] == "1"


def test_one_that_has_ended_is_replaced_after_a_while(place):
    write(place)
    began, lease = time.monotonic(), lease_of(place)
    lease.take(True)
    assert time.monotonic() - began >= SHORT.watch
    assert record(place)["process"] == os.getpid()
    lease.release()


def test_nobody_waits_for_one_that_ends_meanwhile(place):
    write(place)
    threading.Timer(0.1, place.remove, [NAME]).start()
    lease = lease_of(place, LONG)
    lease.take()
    lease.release()


def test_nobody_waits_for_a_killed_process_of_this_machine(place):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here = leases.machine()
    container = f"{here.split()[0]} pid:[7]"
    parent = os.getppid()
    for machine, process, locked in (
        (here, child.pid, False),
        (here, os.getpid(), False),  # it had the number that is ours now
        (here, parent, True),  # under a lock it is that of another process now
        (container, parent, True),
    ):
        write(place, machine=machine, process=process)
        lease = lease_of(place, LONG)
        lease.take(locked)
        lease.release()


def test_who_was_replaced_stops_and_leaves_the_record(place):
    """Two began before either saw the other."""
    lease = lease_of(place)
    lease.take()
    write(place)
    time.sleep(5 * SHORT.beat)
    with pytest.raises(leases.InUse, match="now in use by process 7 on elsewhere"):
        lease.require()
    lease.release()
    assert record(place)["token"] == "1"


def test_who_was_replaced_stops_though_the_other_has_ended(place):
    """It was cut off, say, while another machine went on to the end."""
    lease = lease_of(place)
    lease.take()
    place.remove(NAME)
    time.sleep(5 * SHORT.beat)
    with pytest.raises(leases.InUse, match="in use by others: its lease.json is gone"):
        lease.require()
    lease.release()


def test_of_two_that_begin_at_once_one_is_refused(place):
    lease = lease_of(place, SHORT._replace(settle=0.2))
    threading.Timer(0.1, write, [place]).start()
    with pytest.raises(leases.InUse, match="now in use by process 7 on elsewhere"):
        lease.take()


def test_half_of_a_record_is_nobodys(place):
    place.write(NAME, b'{"owner": "proc')
    lease = lease_of(place, LONG)
    lease.take()
    place.write(NAME, b'{"owner": "proc')
    lease.require()
    until(lambda: b"token" in place.read(NAME))
    lease.release()
