"""Programs of others in .pth files: none is run, and none costs much.

What is refused is a `UserError`, whatever the file does; a mark on disk would tell if a
program had been run, and memory is measured.
"""

import pickle
import time
import tracemalloc

import numpy as np
import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.models import tensor_pickles
from mixdmt_tf.models.weight_files import read
from tests.models import pth_files
from tests.models.pth_files import (
    CALL,
    PROTOCOL,
    dictionary,
    items,
    name,
    number,
    program,
    storage,
    tensor,
    text,
)

NUMBERS = {"0": np.arange(4, dtype="<f4").tobytes()}
FORMS = {"old": pth_files.old_form, "archive": pth_files.archive}
GOOD = program(dictionary(text("a"), tensor()))
# What Python's own pickle would run; MARK stands for a file's path.
COMMAND = text("touch MARK")
EVIL = {
    "GLOBAL": PROTOCOL + name("os", "system") + items(COMMAND) + CALL + b".",
    "posix": PROTOCOL + name("posix", "system") + COMMAND + b"\x85R.",
    "STACK_GLOBAL": b"\x80\x04"
    + (text("os") + text("system") + b"\x93" + items(COMMAND) + b"R."),
    "no protocol": text("os") + text("system") + b"\x93" + items(COMMAND) + b"R.",
    "INST": b"(" + COMMAND + b"ios\nsystem\n.",
    "OBJ": b"(" + name("os", "system") + COMMAND + b"o.",
    "eval": PROTOCOL + name("builtins", "eval") + items(text("1")) + CALL + b".",
    "getattr": PROTOCOL + name("builtins", "getattr") + items() + CALL + b".",
    "within a tensor": program(
        dictionary(text("a"), tensor(name("os", "system") + items(COMMAND) + CALL))
    ),
    "as storage type": program(
        dictionary(
            text("a"),
            tensor(
                items(
                    *(text("storage"), name("os", "system"), text("0"), text("cpu")),
                    number(4),
                )
                + b"Q"
            ),
        )
    ),
    "BUILD": program(
        dictionary(text("a"), tensor() + name("os", "system") + COMMAND + b"\x85Rb")
    ),
    "first of two names": PROTOCOL + name("torch._utils.os", "system") + b".",
    "loads": PROTOCOL
    + name("torch.storage", "_load_from_bytes")
    + (b"C\x04" + b"\x80\x02N." + b"\x85R."),
}


def write(path, content, form):
    """A file with the program in it, and four numbers."""
    path.write_bytes(FORMS[form](content, NUMBERS))
    return path


def assert_refused(path, seconds=30.0, megabytes=200):
    """Soon (on a busy machine, too), in a few words, and without much memory."""
    start = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="can't be read as .pth") as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()
    assert time.monotonic() - start < seconds
    message = str(caught.value).replace(str(path), "")
    assert len(message.splitlines()) <= 3 and len(message) < 1000


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", EVIL)
def test_nothing_is_run(kind, form, tmp_path):
    mark = tmp_path / "mark"
    command = text(f"touch {mark}")
    content = EVIL[kind].replace(COMMAND, command)
    assert_refused(write(tmp_path / "w.pth", content, form))
    assert not mark.exists()


def test_pickle_itself_would_have_run_it(tmp_path):
    """Otherwise the test above would prove nothing."""
    mark = tmp_path / "mark"
    for kind in ("GLOBAL", "STACK_GLOBAL", "INST", "OBJ"):
        pickle.loads(EVIL[kind].replace(COMMAND, text(f"touch {mark}")))
        assert mark.exists(), kind
        mark.unlink()


def nested(opening, closing, depth=20_000):
    return PROTOCOL + opening * depth + closing * depth + b"."


def doubled(empty, levels=60):
    """A list of twice the list before it, and so on: 2 ** 60 in all, if counted."""
    parts = [PROTOCOL, empty, b"q\0"]
    for _ in range(levels):
        parts += [b"]", b"(h\0h\0e", b"q\0"]
    return b"".join(parts) + b"."


def wide_dictionaries(width, value, levels=3):
    """Dictionaries of many entries, each entry the same smaller dictionary."""
    made = PROTOCOL + value + b"q\0"
    for _ in range(levels):
        pairs = b"".join(number(each) + b"h\0" for each in range(width))
        made += b"}(" + pairs + b"uq\0"
    return made + b"."


def many_dictionaries(pairs=20_000, times=50_000):
    """A list of pairs, and dictionaries of it, as Python 2 makes them."""
    made = PROTOCOL + name("collections", "OrderedDict") + b"q\0]q\1("
    made += b"".join(b"](" + number(each) + b"Ne" for each in range(pairs))
    return made + b"e" + b"h\0h\1\x85R" * times + b"."


LONG = text("x" * 10**6)
WRONG = {
    "nothing": b"",
    "no end": PROTOCOL + b"}",
    "an end alone": b".",
    "a mark is no value": PROTOCOL + b"(.",
    "a mark as an argument": PROTOCOL + b"((\x85.",
    "no mark": PROTOCOL + b"Nt.",
    "an unknown memo": PROTOCOL + b"h\7.",
    "protocol 5": b"\x80\x05N.",
    "no such operation": PROTOCOL + b"\xff.",
    "a number": program(number(3)),
    "no tensor": program(dictionary(text("a"), number(3))),
    "a storage alone": program(dictionary(text("a"), storage())),
    "a name alone": program(name("torch", "FloatStorage")),
    "unknown storage": program(tensor(storage(kind="Bogus"))),
    "a type called": program(name("torch", "FloatStorage") + items() + CALL),
    "call of a text": program(text("os") + items() + CALL),
    "call without a tuple": program(name("torch._utils", "_rebuild_tensor_v2") + b"NR"),
    "few arguments": program(name("torch._utils", "_rebuild_tensor_v2") + b")R"),
    "parameter of a text": program(
        name("torch._utils", "_rebuild_parameter") + items(text("a")) + CALL
    ),
    "a full OrderedDict": program(
        name("collections", "OrderedDict")
        + items(dictionary(number(1), number(1)))
        + CALL
    ),
    "BUILD of a tensor": program(dictionary(text("a"), tensor() + b"}b")),
    "BUILD of nothing": PROTOCOL + b"}b.",
    "EXT1": PROTOCOL + b"\x82\x01.",
    "EXT2": PROTOCOL + b"\x83\x01\x01.",
    "EXT4": PROTOCOL + b"\x84\x01\x01\x01\x01.",
    "NEWOBJ": PROTOCOL + name("collections", "OrderedDict") + b")\x81.",
    "FRAME": b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
    "PERSID": PROTOCOL + b"P0\n.",
    "persistent text": PROTOCOL + text("0") + b"Q.",
    "key of a tensor": program(dictionary(tensor(), number(1))),
    "key of a list": program(dictionary(b"]", number(1))),
    "entries of a list": PROTOCOL + b"]NNs.",
    "items of a dictionary": PROTOCOL + b"}Na.",
    "odd entries": program(dictionary(text("a"), tensor(), text("b"))),
    "long text": PROTOCOL + b"X\xff\xff\xff\xff" + b"abc",
    "longer text": PROTOCOL + b"\x8d" + b"\xff" * 7 + b"\x0f" + b"abc",
    "long bytes": PROTOCOL + b"B\xff\xff\xff\xff" + b"abc",
    "long number": PROTOCOL + b"\x8b\xff\xff\xff\x7f" + b"abc",
    "negative number": PROTOCOL + b"\x8b\xff\xff\xff\xff" + b"abc",
    "long line": PROTOCOL + b"I" + b"9" * 10**6 + b"\n.",
    "large memo": PROTOCOL + b"Nr\xff\xff\xff\xff" * 1000 + b".",
    "negative count": program(tensor(storage(count=-4))),
    "huge count": program(tensor(storage(count=2**62))),
    "larger count": program(tensor(storage(count=2**2000))),
    "count of true": program(
        tensor(storage().replace(number(4) + b"t", b"\x88t")),
    ),
    "negative size": program(tensor(shape=(-2, -2))),
    "negative stride": program(tensor(offset=3, shape=(4,), strides=(-1,))),
    "negative offset": program(tensor(offset=-1)),
    "size of true": program(
        tensor().replace(items(number(2), number(1)), items(b"\x88", number(1)))
    ),
    "size of a text": program(
        tensor().replace(items(number(2), number(1)), items(text("2"), number(1)))
    ),
    "huge shape": program(tensor(shape=(2**62, 2), strides=(0, 0))),
    "huge empty shape": program(tensor(shape=(0, 2**62, 2**62), strides=(1, 1, 1))),
    "large empty shape": program(tensor(shape=(0, 2**40, 2**40), strides=(1, 1, 1))),
    "larger shape": program(tensor(shape=(2**2000,), strides=(0,))),
    "huge stride": program(tensor(shape=(1, 2), strides=(2**2000, 1))),
    "many dimensions": program(tensor(shape=(2,) * 40, strides=(0,) * 40)),
    "very many dimensions": program(
        tensor(shape=(2**2000,) * 1000, strides=(0,) * 1000)
    ),
    "other strides": program(tensor(strides=(1,))),
    "beyond by its shape": program(tensor(shape=(5,), strides=(1,))),
    "beyond by its strides": program(tensor(strides=(3, 1))),
    "beyond by its offset": program(tensor(offset=1)),
    "an expansion": program(tensor(shape=(2**20, 2**8), strides=(0, 0))),
    "storages of one key": program(
        dictionary(text("a"), tensor(), text("b"), tensor(storage(count=8)))
    ),
    "types of one key": program(
        dictionary(text("a"), tensor(), text("b"), tensor(storage(kind="Int")))
    ),
    "one name twice": program(
        dictionary(text("a.b"), tensor(), text("a"), dictionary(text("b"), tensor()))
    ),
    "many dictionaries of one list": many_dictionaries(),
    "deep tuples": nested(b"N", b"\x85"),
    "deep lists": PROTOCOL + b"]" * 20_000 + b"a" * 19_999 + b".",
    "deep dictionaries": PROTOCOL + b"}" + b"K\0}" * 9_999 + b"s" * 9_999 + b".",
    "a list in itself": PROTOCOL + b"]q\0h\0a.",
    "a dictionary in itself": PROTOCOL + b"}q\0K\1h\0s.",
    "wide and in itself": PROTOCOL
    + (b"}q\0(" + b"".join(number(i) + b"h\0" for i in range(1000)) + b"u."),
    "doubled lists": doubled(b"]"),
    "doubled tensors": doubled(tensor()),
    "wide dictionaries": wide_dictionaries(3000, b"N"),
    "wide dictionaries of tensors": wide_dictionaries(300, tensor()),
    "a long name": program(dictionary(LONG, tensor())),
    "long names": program(
        LONG
        + b"q\2"
        + dictionary(b"h\2", dictionary(*(number(i) + tensor() for i in range(500))))
    ),
    "a long key": program(dictionary(text("a"), tensor(storage(key="y" * 10**6)))),
    "a long name of a function": program(name("os", "s" * 10**6)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", WRONG)
def test_what_makes_no_tensors_is_refused_at_little_cost(kind, form, tmp_path):
    assert_refused(write(tmp_path / "w.pth", WRONG[kind], form))


def test_a_long_program_is_not_followed_to_its_end(tmp_path, monkeypatch):
    assert tensor_pickles._MOST_OPERATIONS <= 10**6  # two or three seconds
    monkeypatch.setattr(tensor_pickles, "_MOST_OPERATIONS", 1000)
    long = program(dictionary(text("a"), tensor(), text("b"), b"]" + b"Na" * 600))
    assert_refused(write(tmp_path / "w.pth", long, "archive"))
    short = program(dictionary(text("a"), tensor(), text("b"), b"]" + b"Na" * 400))
    assert list(read(write(tmp_path / "w.pth", short, "archive"))) == ["a"]


@pytest.mark.parametrize("kind", ["doubled lists", "deep lists", "deep tuples"])
def test_a_list_of_storages_that_is_none(kind, tmp_path):
    """The fifth pickle of the old form is another stranger's program."""
    parts = [pickle.dumps(each, 2) for each in (pth_files.MAGIC, 1001)]
    parts += [pickle.dumps(pth_files.SYSTEM, 2), GOOD]
    for place, other in ((4, pickle.dumps(["0"], 2)), (2, GOOD), (0, GOOD)):
        content = [*parts, other]
        content[place] = WRONG[kind]
        path = tmp_path / "w.pth"
        path.write_bytes(b"".join(content))
        assert_refused(path)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("form", FORMS)
def test_random_changes_of_bytes(form, tmp_path):
    """What comes out is an error for users, or tensors."""
    path = write(tmp_path / "w.pth", GOOD, form)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    read_well = 0
    for _ in range(2000):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        try:
            tensors = read(path)
        except UserError:
            continue
        read_well += 1
        assert all(value.dtype.kind in "fiub" for value in tensors.values())
    assert 0 < read_well < 1500
