"""Run folders at addresses: whatever is lost, a whole state is there."""

import itertools

import pytest

from mixdmt_tf import leases, mirrors, store_index, stores
from mixdmt_tf.errors import UserError
from tests import stored

# Files of a run at two checkpoints: some stay, some are replaced by others of the same
# length, some are new, some go.
BEFORE = {
    "flags.txt": "--steps=8",
    "metrics.csv": "step 4",
    "digests.json": "of 4",
    "checkpoints/step-4/state": "weights of 4",
    "checkpoints/step-4/manifest.json": "whole",
    "skipped.txt": "",
}
AFTER = {
    "flags.txt": "--steps=8",
    "metrics.csv": "step 8",
    "digests.json": "of 8",
    "checkpoints/step-8/state": "weights of 8",
    "checkpoints/step-8/manifest.json": "whole",
    "results.json": "{}",
    "skipped.txt": "",
}


@pytest.fixture(name="machine")
def fixture_machine(monkeypatch, tmp_path):
    return stored.Machine(monkeypatch, tmp_path)


def send(place, files):
    with stored.claimed(place) as mirror:
        stored.fill(mirror.copy.folder, files)
        return mirror.send()


def test_what_one_machine_sends_another_one_has(machine):
    place = stored.address()
    for state in (BEFORE, AFTER):
        assert send(place, state)
        machine.another()
        assert stored.fetched(place) == state
        plain = {k: v for k, v in stored.there(place).items() if k[0] != "."}
        assert plain == state  # other programs see it, too
    assert not send(place, AFTER), "there is nothing to send"


@pytest.mark.parametrize("start", ["nothing", "a run", "files of other programs"])
def test_wherever_it_is_lost_a_whole_state_is_there(start, machine, monkeypatch):
    """After each request to the store, of which a write may be half done."""
    monkeypatch.setattr(mirrors, "TIMING", leases.Timing(20.0, 0.0))
    before = {} if start == "nothing" else BEFORE
    for last in itertools.count():
        place = stored.address()
        if start == "a run":
            send(place, before)
        else:
            stored.plant(place, before)
        mirror = mirrors.Mirror(place)
        mirror.claim()
        mirror.fetch()
        stored.fill(mirror.copy.folder, AFTER)
        mirror.release()
        with stored.files(monkeypatch, last=last) as files:
            with stored.killed():
                mirror = mirrors.Mirror(place)
                mirror.claim()
                mirror.send()
            stored.forget(mirror)
        done = files.calls <= last
        if last % 2:  # the same machine, or another one
            machine.another()
            found = stored.fetched(place)
            assert found in ((AFTER,) if done else (before, AFTER)), last
        assert send(place, AFTER) or stored.fetched(place) == AFTER
        machine.another()
        assert stored.fetched(place) == AFTER, last
        left = {k for k in stored.there(place) if k[0] == "."}
        assert left == {store_index.NAME}, last
        if done:
            break
    assert last > 20


def test_files_that_are_moved_while_they_are_fetched(machine, monkeypatch):
    """The owner still moves files of the new state: its index is the same."""
    place, said = stored.address(), []
    send(place, BEFORE)
    with monkeypatch.context() as patched:
        patched.setattr(store_index, "settle", lambda store, index: None)
        send(place, AFTER)
    machine.another()
    mirror = mirrors.Mirror(place, said.append)
    place_of = store_index.place_of

    def moved_after(store, index, name):
        found = place_of(store, index, name)
        if found != name:
            store.move(found, name)
        return found

    monkeypatch.setattr(store_index, "place_of", moved_after)
    mirror.fetch()
    assert stored.held(mirror.copy.folder) == AFTER and not said


@pytest.mark.parametrize("every", [7, 9, 11])
def test_requests_that_fail_are_made_again(every, machine, monkeypatch):
    place = stored.address()
    send(place, BEFORE)
    with stored.files(monkeypatch, every=every):
        assert send(place, AFTER)
        machine.another()
        assert stored.fetched(place) == AFTER


def test_a_store_that_is_gone_leaves_everything_here(machine, monkeypatch):
    place = stored.address()
    with stored.claimed(place) as mirror:
        stored.fill(mirror.copy.folder, BEFORE)
        with monkeypatch.context() as patch:
            patch.setattr(mirror.store, "_files", stored.Files(every=1))
            with pytest.raises(stores.Failure, match="UnavailableError: HTTP 503\n"):
                mirror.send()
        assert stored.held(mirror.copy.folder) == BEFORE
        assert mirror.send()
    machine.another()
    assert stored.fetched(place) == BEFORE


def test_what_is_ahead_stays_and_what_is_behind_is_set_aside(machine, monkeypatch):
    """A machine that could not send goes on, unless another one has."""
    place, said = stored.address(), []
    send(place, BEFORE)
    first = mirrors.Mirror(place, said.append)
    stored.fill(first.copy.folder, AFTER)
    (first.copy.folder / "digests.json").unlink()

    first.fetch()
    assert stored.held(first.copy.folder) == {
        **AFTER,  # what was removed comes back: caches lose files
        **{k: v for k, v in BEFORE.items() if k not in AFTER or k == "digests.json"},
    }
    with monkeypatch.context() as patch:
        stored.Machine(patch, first.copy.place)
        send(place, {**BEFORE, "metrics.csv": "step 6"})
    first.fetch()
    assert stored.held(first.copy.folder) == {**BEFORE, "metrics.csv": "step 6"}
    (aside,) = first.copy.place.glob("run.before-*")
    assert stored.held(aside)["metrics.csv"] == "step 8"
    assert said == [
        f"{place} was written to by another machine: local changes that were not sent "
        f"are in {aside}"
    ]


def test_what_is_ahead_stays_although_a_fetch_was_cut_short(machine, monkeypatch):
    """Whenever the network fails or the process ends while old files are fetched."""
    for last in itertools.count():
        place = stored.address()
        send(place, BEFORE)
        found = mirrors.Mirror(place)
        stored.fill(found.copy.folder, AFTER)  # what was removed will be fetched
        with stored.files(monkeypatch, last=last) as files:
            with stored.killed():
                mirrors.Mirror(place).fetch()
        found.fetch()
        assert AFTER.items() <= stored.held(found.copy.folder).items(), last
        if files.calls <= last:
            break
    assert last > 3


def test_what_others_removed_is_removed_here(machine, monkeypatch):
    """With its folder: an empty one would look like a checkpoint that is damaged."""
    place = stored.address()
    send(place, BEFORE)
    first = mirrors.Mirror(place)
    with monkeypatch.context() as patch:
        stored.Machine(patch, first.copy.place)
        send(place, AFTER)
    first.fetch()
    assert stored.held(first.copy.folder) == AFTER
    names = [each.name for each in (first.copy.folder / "checkpoints").iterdir()]
    assert names == ["step-8"]


def test_a_run_that_was_removed_does_not_come_back(machine):
    place, said = stored.address(), []
    send(place, BEFORE)
    stores.Store(place).remove_folder("")
    mirror = mirrors.Mirror(place, said.append)
    mirror.fetch()
    assert not mirror.copy.folder.exists() and "no run any more" in said[0]


def test_files_that_are_not_as_they_were_sent_are_named(machine):
    place, said = stored.address(), []
    send(place, BEFORE)
    stored.plant(place, {"metrics.csv": "step 5"})
    machine.another()
    mirror = mirrors.Mirror(place, said.append)
    mirror.fetch()
    assert stored.held(mirror.copy.folder)["metrics.csv"] == "step 5"
    assert said == [f"{place}: missing there, or not as it was sent: metrics.csv"]


@pytest.mark.parametrize("name", ["../metrics.csv", "/etc/passwd", ""])
def test_names_do_not_lead_out_of_the_folder(name, machine):
    place = stored.address()
    send(place, BEFORE)
    index = store_index.Index("1", {name: (1, "0")})
    store_index.write(stores.Store(place), index)
    machine.another()
    with pytest.raises(UserError, match="damaged: .* is no name of a file in a folder"):
        stored.fetched(place)


def test_an_index_that_is_damaged_is_refused(machine):
    place = stored.address()
    send(place, BEFORE)
    text = stored.there(place)[store_index.NAME]
    stored.plant(place, {store_index.NAME: text.replace("metrics", "METRICS")})
    for _ in range(2):
        with pytest.raises(UserError, match="does not fit its own digest"):
            mirrors.Mirror(place).claim()
        assert mirrors.LOCK not in stored.there(place), "nobody has to wait"
    with pytest.raises(UserError, match="does not fit its own digest"):
        stored.fetched(place)


def test_only_one_process_sends(machine):
    place = stored.address()
    with stored.claimed(place):
        with pytest.raises(UserError, match="by another process of this machine"):
            mirrors.Mirror(place).claim()
        stored.fill(mirrors.Mirror(place).copy.folder, {"a": "here"})
        assert stored.fetched(place) == {"a": "here"}, "the owner's is the newest"
    with pytest.raises(ValueError, match="needs claim"):
        mirrors.Mirror(place).send()
