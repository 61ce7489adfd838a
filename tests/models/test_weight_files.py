"""Files of weights: whole ones, and all kinds of others."""

import json
import pathlib
import pickle
import zipfile

import h5py
import numpy as np
import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.models.weight_files import read

SAFETENSORS_TYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}


def arrays(seed=0):
    random = np.random.RandomState(seed)
    return {
        "layer1.0.conv1.weight": random.normal(size=(2, 3, 1, 1)).astype(np.float32),
        "bn1.running_mean": random.normal(size=3),
        "half": random.normal(size=(2, 2)).astype(np.float16),
        "bn1.num_batches_tracked": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "flag": np.array([True, False]),
    }


def header_of(tensors):
    """Header and data of the format, as its description has them."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, value in tensors.items():
        begin, data = len(data), data + np.ascontiguousarray(value).tobytes()
        header[name] = {
            "dtype": SAFETENSORS_TYPES[value.dtype.name],
            "shape": list(value.shape),
            "data_offsets": [begin, len(data)],
        }
    return header, data


def safetensors(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode("utf-8")
    return len(text).to_bytes(8, "little") + text + data


def write_h5(path, layers, root="", split=False):
    """The older of Keras's formats: {layer: [(name, array), ...]}."""

    def names(group, attribute, values):
        values = [value.encode("utf-8") for value in values]
        if split:
            for number, value in enumerate(values):
                group.attrs[f"{attribute}{number}"] = [value]
        if not split or not values:
            group.attrs[attribute] = values

    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        names(top, "layer_names", layers)
        for layer, weights in layers.items():
            group = top.create_group(layer)
            names(group, "weight_names", [name for name, _ in weights])
            for name, value in weights:
                group[name] = value


def assert_equal(tensors, expected):
    assert list(tensors) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype


def test_safetensors_are_read(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors(*header_of(arrays())))

    tensors = read(path)

    by_name = {name: tensors[name] for name in arrays()}
    assert_equal(by_name, arrays())
    assert len(tensors) == len(arrays())


def test_bfloat16_is_the_upper_half_of_float32(tmp_path):
    values = np.array([1.0, -2.5, 3.0e38, 0.0], np.float32)
    upper = (values.view("<u4") >> 16).astype("<u2")
    entry = {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors({"a": entry}, upper.tobytes()))

    result = read(path)["a"]

    assert result.dtype == "float32"
    np.testing.assert_allclose(result, values.reshape(2, 2), rtol=1 / 128)
    np.testing.assert_array_equal(result.ravel()[:2], values[:2])


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DATA = b"\0" * 8
DAMAGED = {
    "nothing": b"",
    "seven bytes": b"\0" * 7,
    "header longer than the file": (2**62).to_bytes(8, "little") + b"{}",
    "no JSON": safetensors(b"no JSON", b""),
    "no UTF-8": safetensors(b'{"\xff": 1}', b""),
    "deep JSON": safetensors(b"[" * 100_000, b""),
    "a list": safetensors([["a", ENTRY]], DATA),
    "a number": safetensors(b"1", b""),
    "an entry of a number": safetensors({"a": 1}, DATA),
    "no shape": safetensors({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, DATA),
    "no place": safetensors({"a": {"dtype": "F32", "shape": [2]}}, DATA),
    "three places": safetensors({"a": {**ENTRY, "data_offsets": [0, 4, 8]}}, DATA),
    "unknown type": safetensors({"a": {**ENTRY, "dtype": "F8"}}, DATA),
    "type of a list": safetensors({"a": {**ENTRY, "dtype": ["F32"]}}, DATA),
    "shape of text": safetensors({"a": {**ENTRY, "shape": "2"}}, DATA),
    "shape of floats": safetensors({"a": {**ENTRY, "shape": [2.0]}}, DATA),
    "shape of true": safetensors({"a": {**ENTRY, "shape": [2, True]}}, DATA),
    "negative shape": safetensors({"a": {**ENTRY, "shape": [-2, -1]}}, DATA),
    "long shape": safetensors({"a": {**ENTRY, "shape": [2] + [1] * 1000}}, DATA),
    "huge shape": safetensors({"a": {**ENTRY, "shape": [2**31] * 8}}, DATA),
    "shape of another size": safetensors({"a": {**ENTRY, "shape": [3]}}, DATA),
    "cut off": safetensors({"a": ENTRY}, DATA[:-1]),
    "too long": safetensors({"a": ENTRY}, DATA + b"\0"),
    "a gap": safetensors({"a": {**ENTRY, "data_offsets": [1, 9]}}, DATA + b"\0"),
    "backwards": safetensors({"a": {**ENTRY, "data_offsets": [8, 0]}}, DATA),
    "overlap": safetensors({"a": ENTRY, "b": ENTRY}, DATA),
    "one name twice": safetensors(
        f'{{"a": {json.dumps(ENTRY)}, "a": {json.dumps(ENTRY)}}}'.encode(), DATA
    ),
    "infinite number": safetensors({"a": {**ENTRY, "shape": [float("inf")]}}, DATA),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_safetensors_are_refused(kind, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(DAMAGED[kind])

    with pytest.raises(UserError, match="can't be read as .safetensors") as caught:
        read(path)

    assert "get it anew" in str(caught.value) and len(str(caught).splitlines()) <= 3


def test_npz_is_read(tmp_path):
    np.savez(tmp_path / "w.npz", **arrays())
    assert_equal(read(tmp_path / "w.npz"), arrays())
    np.savez_compressed(tmp_path / "c.npz", **arrays())
    assert_equal(read(tmp_path / "c.npz"), arrays())


class Trap:
    """What it is unpickled into leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return pathlib.Path.touch, (self.mark,)


HEADERS = [
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (\n",
    b"{[]: 1}\n",
    b"{'descr': ',', 'fortran_order': False, 'shape': (2,)}\n",
]


@pytest.mark.parametrize("header", HEADERS)
def test_headers_that_numpy_stumbles_over_are_refused(header, tmp_path):
    length = len(header).to_bytes(2, "little")
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as file:
        file.writestr("a.npy", b"\x93NUMPY\1\0" + length + header + bytes(8))
    with pytest.raises(UserError, match="can't be read as .npz"):
        read(tmp_path / "w.npz")


@pytest.mark.parametrize("kind", ["object", "pickle", "npy", "cut", "text", "member"])
def test_other_npz_are_refused_and_nothing_runs(kind, tmp_path):
    path, mark = tmp_path / "w.npz", tmp_path / "mark"
    trap = Trap(mark)
    if kind == "object":
        np.savez(path, a=np.array([trap, 1], dtype=object))
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(trap))
    elif kind == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "cut":
        np.savez(path, **arrays())
        path.write_bytes(path.read_bytes()[:-40])
    elif kind == "text":
        np.savez(path, a=np.array(["text"]))
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a.npy", pickle.dumps(trap))

    with pytest.raises(UserError, match="can't be read as .npz"):
        read(path)
    assert not mark.exists()


LAYERS = {
    "conv1_pad": [],
    "conv1_conv": [
        ("conv1_conv/kernel:0", np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)),
        ("conv1_conv/bias:0", np.ones(3, np.float32)),
    ],
    "conv1_bn": [("conv1_bn_2/gamma:0", np.full(3, 2, np.float64))],
}
NAMES = [
    "conv1_conv.0 (conv1_conv/kernel:0)",
    "conv1_conv.1 (conv1_conv/bias:0)",
    "conv1_bn.0 (conv1_bn_2/gamma:0)",
]


@pytest.mark.parametrize("root", ["", "model_weights"])
@pytest.mark.parametrize("split", [False, True])
def test_h5_is_read(root, split, tmp_path):
    """As Keras writes it: weights or model, names in one attribute or in several."""
    write_h5(tmp_path / "w.h5", LAYERS, root, split)

    values = [value for weights in LAYERS.values() for _, value in weights]
    assert_equal(read(tmp_path / "w.h5"), dict(zip(NAMES, values)))


@pytest.mark.parametrize(
    "kind",
    ["cut", "text", "no names", "empty", "number", "lost", "link", "outside"],
)
def test_other_h5_are_refused(kind, tmp_path):
    path = tmp_path / "w.h5"
    write_h5(path, LAYERS)
    write_h5(tmp_path / "other.h5", LAYERS)
    name = "conv1_conv/conv1_conv/kernel:0"
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif kind == "text":
        path.write_text("<html>404</html>")
    with h5py.File(path, "r+") if kind not in ("cut", "text") else open(path) as file:
        if kind == "no names":
            del file.attrs["layer_names"]
        elif kind in ("empty", "number"):
            file.attrs["layer_names"] = h5py.Empty("S1") if kind == "empty" else 3
        elif kind in ("lost", "link", "outside"):
            del file[name]
        if kind == "link":
            file[name] = h5py.ExternalLink(tmp_path / "other.h5", name)
        elif kind == "outside":
            place = [(str(tmp_path / "other.h5"), 0, 24)]
            file.create_dataset(name, (1, 1, 2, 3), np.float32, external=place)

    with pytest.raises(UserError, match="can't be read as .h5"):
        read(path)


@pytest.mark.parametrize("suffix", [".h5", ".safetensors", ".npz", ".pth"])
def test_a_missing_file_says_where_it_can_be_had(suffix, tmp_path):
    path = tmp_path / f"w{suffix}"
    for _ in range(2):
        with pytest.raises(UserError, match="there is no file") as caught:
            read(path)
        text = str(caught.value)
        assert "keras-applications/resnet/" in text and "huggingface.co/timm" in text
        assert str(path) in text and len(text.splitlines()) == 3
        path.mkdir(exist_ok=True)  # a folder is no file either


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".PTH"])
def test_a_pickle_of_more_than_tensors_is_refused(suffix, tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / f"w{suffix}"
    path.write_bytes(pickle.dumps(Trap(mark)))

    with pytest.raises(UserError, match=f"can't be read as {suffix.lower()}") as caught:
        read(path)

    assert len(str(caught.value).splitlines()) <= 3 and not mark.exists()


def test_other_suffixes_are_refused(tmp_path):
    for name in ("w.onnx", "w", "w.bin", "w.ckpt", "w.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
        with pytest.raises(UserError, match="expected a file .h5, .npz, .pth or"):
            read(tmp_path / name)
    assert not (tmp_path / "mark").exists()
