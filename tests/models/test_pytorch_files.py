"""Files .pth: tensors are read as PyTorch wrote them, whatever their form."""

import collections
import pickle
import zipfile

import numpy as np
import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.models.weight_files import read
from tests.models import pth_files
from tests.models.pth_files import Parameter, Storage, Tensor, whole

FORMS = {"old": pth_files.old_form, "archive": pth_files.archive}
every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(autouse=True)
def fixture_torch(monkeypatch):
    pth_files.pretend_torch(monkeypatch)


def saved(path, value, form="archive", itemsize=4):
    """Writes a value as `torch.save` does, its numbers all of one size."""
    program, storages = pth_files.pickled(value, form == "old")
    if form == "old":
        path.write_bytes(pth_files.old_form(program, storages, itemsize))
    else:
        path.write_bytes(pth_files.archive(program, storages))
    return path


def random(*shape):
    return np.random.RandomState(0).normal(size=shape).astype(np.float32)


@every_form
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".PTH"])
def test_a_state_dictionary(form, suffix, tmp_path):
    """With the versions of its layers beside it, which torch attaches."""
    kernel, bias = random(4, 3, 3, 3), random(4)
    state = collections.OrderedDict()
    state["conv.weight"] = whole("0", kernel)
    state["conv.bias"] = Parameter(whole("1", bias))
    state._metadata = collections.OrderedDict({"": {"version": 1}})

    tensors = read(saved(tmp_path / f"w{suffix}", state, form))

    assert list(tensors) == ["conv.weight", "conv.bias"]
    np.testing.assert_array_equal(tensors["conv.weight"], kernel)
    np.testing.assert_array_equal(tensors["conv.bias"], bias)
    assert {value.dtype for value in tensors.values()} == {np.dtype("float32")}


@every_form
@pytest.mark.parametrize("kind", pth_files.KINDS)
def test_every_type_of_numbers(form, kind, tmp_path):
    values = np.array([0, 1, 2, 100, -1, 1]).reshape(2, 3).astype(pth_files.KINDS[kind])

    path = saved(tmp_path / "w.pth", {"a": whole("k", values)}, form, values.itemsize)

    (result,) = read(path).values()
    np.testing.assert_array_equal(result, values)
    assert result.dtype == values.dtype and result.shape == (2, 3)


@every_form
def test_views_of_one_storage(form, tmp_path):
    """Transposed, every second, from an offset on, one number for all, none at all."""
    numbers = np.arange(24, dtype=np.float32)
    shared = Storage("0", "Float", numbers)
    state = {
        "whole": Tensor(shared, 0, (4, 6), (6, 1)),
        "transposed": Tensor(shared, 0, (6, 4), (1, 6)),
        "second": Tensor(shared, 1, (4, 3), (6, 2)),
        "offset": Tensor(shared, 20, (4,), (1,)),
        "expanded": Tensor(shared, 5, (3, 2), (0, 0)),
        "scalar": Tensor(shared, 23, (), ()),
        "empty": Tensor(shared, 24, (0, 3), (3, 1)),
        "single": Tensor(shared, 23, (1, 1), (999, 999)),
    }
    table = numbers.reshape(4, 6)

    tensors = read(saved(tmp_path / "w.pth", state, form))

    expected = {
        "whole": table,
        "transposed": table.T,
        "second": table[:, 1::2],
        "offset": numbers[20:],
        "expanded": np.full((3, 2), 5),
        "scalar": np.array(23),
        "empty": np.zeros((0, 3)),
        "single": np.full((1, 1), 23),
    }
    assert set(tensors) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(tensors[name], value, name)
    tensors["whole"][:] = 0  # copies: nobody changes another one's numbers
    assert tensors["offset"][0] == 20


@every_form
def test_a_checkpoint(form, tmp_path):
    """Dictionaries within dictionaries; lists and texts have no tensors to give."""
    weight = whole("0", random(2, 2))
    checkpoint = {
        "epoch": 3,
        "arch": "resnet",
        "rate": 0.1,
        "best": None,
        "distributed": True,
        "large": 2**40,
        "state_dict": collections.OrderedDict([("module.fc.weight", weight)]),
        "optimizer": {
            "state": {0: {"momentum": weight}},
            "groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0, 1]}],
        },
    }

    tensors = read(saved(tmp_path / "w.pth", checkpoint, form))

    names = ["state_dict.module.fc.weight", "optimizer.state.0.momentum"]
    assert list(tensors) == names
    np.testing.assert_array_equal(tensors[names[0]], random(2, 2))


def test_a_tensor_by_itself_has_no_name(tmp_path):
    (name,) = read(saved(tmp_path / "w.pth", whole("0", random(3))))
    assert name == ""


def test_the_byte_order_is_read(tmp_path):
    program, storages = pth_files.pickled({"a": whole("0", random(3))}, False)
    path = tmp_path / "w.pth"
    path.write_bytes(pth_files.archive(program, storages, byteorder=b"little"))
    np.testing.assert_array_equal(read(path)["a"], random(3))
    path.write_bytes(pth_files.archive(program, storages, byteorder=b"big"))
    with pytest.raises(UserError, match="little-endian"):
        read(path)


@every_form
def test_a_file_may_stop_nowhere(form, tmp_path):
    whole_file = saved(tmp_path / "w.pth", {"a": whole("0", random(3))}, form)
    content = whole_file.read_bytes()
    assert len(content) < 2000
    for length in range(len(content)):
        whole_file.write_bytes(content[:length])
        with pytest.raises(UserError, match="can't be read as .pth"):
            read(whole_file)


def old_files():
    """Damaged ones, by what is wrong with them."""
    value = pth_files.program(pth_files.dictionary(pth_files.text("a"), TENSOR))
    numbers = bytes(16)
    head = [pickle.dumps(each, 2) for each in (pth_files.MAGIC, 1001)]
    system = pickle.dumps(pth_files.SYSTEM, 2)
    big = pickle.dumps({**pth_files.SYSTEM, "little_endian": False}, 2)
    keys, count = pickle.dumps(["0"], 2), (4).to_bytes(8, "little")

    def file(*parts):
        return b"".join(parts)

    return {
        "magic": file(pickle.dumps(1, 2), head[1], system, value, keys, count, numbers),
        "version": file(
            *(head[0], pickle.dumps(1002, 2), system, value, keys, count, numbers)
        ),
        "big-endian": file(*head, big, value, keys, count, numbers),
        "system": file(*head, pickle.dumps(3, 2), value, keys, count, numbers),
        "keys": file(*head, system, value, pickle.dumps(["1"], 2), count, numbers),
        "no keys": file(*head, system, value, pickle.dumps(None, 2), count, numbers),
        "keys of lists": file(*head, system, value, pickle.dumps([["0"]], 2), numbers),
        "a key twice": file(
            *(head[0], head[1], system, value, pickle.dumps(["0", "0"], 2)),
            *(count, numbers, count, numbers),
        ),
        "count": file(*head, system, value, keys, (3).to_bytes(8, "little"), numbers),
        "huge count": file(*head, system, value, keys, b"\xff" * 8, numbers),
        "more": file(*head, system, value, keys, count, numbers, b"\0"),
    }


TENSOR = pth_files.tensor()


def test_the_parts_of_damaged_files_make_a_whole_one(tmp_path):
    value = pth_files.program(pth_files.dictionary(pth_files.text("a"), TENSOR))
    for form in FORMS.values():
        path = tmp_path / "w.pth"
        path.write_bytes(form(value, {"0": np.arange(4, dtype="<f4").tobytes()}))
        np.testing.assert_array_equal(read(path)["a"], [[0, 1], [2, 3]])


@pytest.mark.parametrize("kind", old_files())
def test_damaged_files_of_the_old_form_are_refused(kind, tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(old_files()[kind])
    with pytest.raises(UserError, match="can't be read as .pth"):
        read(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "kind",
    ["two", "twice", "none", "lost", "short", "bomb", "lzma", "encrypted", "method"],
)
def test_damaged_archives_are_refused(kind, tmp_path):
    path = tmp_path / "w.pth"
    value = pth_files.program(pth_files.dictionary(pth_files.text("a"), TENSOR))
    content = pth_files.archive(value, {"0": bytes(16)})
    with zipfile.ZipFile(path, "w") as file:
        if kind != "none":
            method = {"lzma": zipfile.ZIP_LZMA, "bomb": zipfile.ZIP_DEFLATED}
            file.writestr("archive/data.pkl", value, method.get(kind))
        if kind == "two":
            file.writestr("other/data.pkl", value)
        elif kind == "twice":
            file.writestr("archive/data.pkl", value)
        if kind not in ("lost", "short"):
            file.writestr("archive/data/0", bytes(16))
        elif kind == "short":
            file.writestr("archive/data/0", bytes(12))
        if kind == "bomb":
            deflated = zipfile.ZIP_DEFLATED
            file.writestr("archive/data/1", bytes(2**24), compress_type=deflated)
    if kind in ("encrypted", "method"):
        # Flags and method in the entry of the central directory, of the first member.
        place = content.index(b"PK\1\2") + (8 if kind == "encrypted" else 10)
        path.write_bytes(content[:place] + b"\1" + content[place + 1 :])
    elif kind == "lzma":  # its numbers, not its headers
        damaged = bytearray(path.read_bytes())
        damaged[60:70] = bytes(10)
        path.write_bytes(bytes(damaged))
    with pytest.raises(UserError, match="can't be read as .pth"):
        read(path)


def of_python_2(value):
    """A text as Python 2 writes it."""
    return b"U" + bytes([len(value)]) + value.encode()


def test_what_python_2_and_the_first_versions_wrote(tmp_path):
    """Such as the weights of DeepLab that Hung et al. made of COCO's."""
    text, number = of_python_2, pth_files.number
    kind = pth_files.name("torch", "FloatStorage")
    identity = text("storage"), kind, text("0"), text("cpu"), number(4), b"N"
    storage = pth_files.items(*identity) + b"Q"
    sizes = [pth_files.items(*map(number, each)) for each in ((2, 2), (2, 1))]
    tensor = pth_files.name("torch._utils", "_rebuild_tensor")
    tensor += pth_files.items(storage, number(0), *sizes) + pth_files.CALL
    pairs = b"](](" + text("conv1.weight") + tensor + b"ee"
    state = pth_files.name("collections", "OrderedDict") + pth_files.items(pairs)
    numbers = random(2, 2)
    program = pth_files.program(state + pth_files.CALL)
    content = pth_files.old_form(program, {"0": numbers.tobytes()})
    (tmp_path / "w.pth").write_bytes(content)

    ((name, found),) = read(tmp_path / "w.pth").items()
    assert name == "conv1.weight"
    np.testing.assert_array_equal(found, numbers)
