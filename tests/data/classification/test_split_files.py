"""Writing and reading splits."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from mixdmt_tf.data import splits as data_splits
from mixdmt_tf.data.classification import splits
from mixdmt_tf.data.splits import write_split
from mixdmt_tf.errors import UserError
from tests.data.classification import made_up


def test_a_file_gives_the_split_back(tmp_path):
    """With the same digest, which is that of the file."""
    source = made_up.source(unknown=5)
    split = splits.make_split(source, 18, 9, seed=11)
    path = tmp_path / "split.json"
    write_split(path, split)
    again = splits.read_split(path, source)
    for part in ("labeled", "unlabeled", "validation"):
        before, after = getattr(split, part), getattr(again, part)
        np.testing.assert_array_equal(before, after)
        assert after.dtype == np.int64
    assert (again.dataset, again.seed) == ("made_up", 11)
    assert again.digest() == split.digest()
    assert split.digest() == hashlib.sha256(path.read_bytes()).hexdigest()
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["digests.json", "split.json"]


def test_fields_of_the_file():
    """The file is plain JSON for other programs."""
    source = made_up.source()
    split = splits.make_split(source, 18, 9, seed=11)
    fields = json.loads(split.to_json())
    assert fields["version"] == 1
    assert fields["fingerprint"] == source.fingerprint()
    assert fields["labeled"] == split.labeled.tolist()
    assert fields["validation"] == split.validation.tolist()


def test_own_validation_survives_the_file(tmp_path):
    """And is refused where the source has none."""
    source = made_up.source(validation=made_up.images([0]))
    split = splits.make_split(source, 18, None, seed=0)
    write_split(tmp_path / "split.json", split)
    assert splits.read_split(tmp_path / "split.json", source).own_validation
    bare = made_up.source()
    with pytest.raises(UserError, match="own_validation"):
        splits.read_split(tmp_path / "split.json", bare)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    """Neither half a file nor a temporary one."""
    path = tmp_path / "split.json"
    split = splits.make_split(made_up.source(), 18, 9, seed=0)
    write_split(path, split)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_split(path, dataclasses.replace(split, seed=object()))
    assert path.read_bytes() == before
    assert splits.read_split(path, made_up.source()).digest() == split.digest()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_split_that_was_edited_by_one_id_is_refused(tmp_path):
    path = tmp_path / "split.json"
    split = splits.make_split(made_up.source(), 18, 9, seed=0)
    write_split(path, split)
    labeled = np.append(split.unlabeled[0], split.labeled[1:])
    unlabeled = np.append(split.labeled[0], split.unlabeled[1:])
    other = dataclasses.replace(split, labeled=labeled, unlabeled=unlabeled)
    path.write_text(other.to_json())
    with pytest.raises(UserError, match="changed since it was written"):
        splits.read_split(path, made_up.source())
    (tmp_path / "digests.json").unlink()  # as of a split that somebody wrote
    assert splits.read_split(path, made_up.source()).digest() == other.digest()


def test_a_split_of_other_data_is_refused(tmp_path):
    """One pixel more is other data; so is another name."""
    source = made_up.source()
    path = tmp_path / "split.json"
    write_split(path, splits.make_split(source, 18, 9, seed=0))
    other = made_up.source(train=made_up.images(source.train.labels, seed=1))
    for wrong in (other, dataclasses.replace(source, name="another")):
        with pytest.raises(UserError, match="split of other data"):
            splits.read_split(path, wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labeled": [0, 95]}, "labeled has the id 95; expected 0 to 94"),
        ({"unlabeled": [-1]}, "unlabeled has the id -1"),
        ({"labeled": [3, 3]}, "the id 3 occurs twice"),
        ({"labeled": [3], "unlabeled": [3]}, "the id 3 occurs twice"),
        ({"unlabeled": [3], "validation": [3]}, "the id 3 occurs twice"),
        ({"labeled": "unknown"}, "labeled has the id .* without a label"),
        ({"validation": "unknown"}, "validation has the id .* without a label"),
        ({"labeled": []}, "no image is labelled"),
        ({"labeled": [1.0]}, "labeled: expected integers"),
        ({"labeled": [True]}, "labeled: expected integers"),
        ({"labeled": [10**30]}, "labeled: an id is out of range"),
        ({"labeled": "5"}, "labeled: expected list"),
        ({"seed": "1"}, "seed: expected int"),
        ({"version": 2}, "expected an object with version 1"),
        ({"surprise": 1}, "unknown fields .*surprise"),
    ],
)
def test_damaged_or_wrong_files_are_refused(tmp_path, change, message):
    """Each with one message that names the file and the fault."""
    source = made_up.source(unknown=5)
    fields = {"labeled": [0], "unlabeled": [], "validation": []}
    nameless = int(np.flatnonzero(source.train.labels == -1)[0])
    known = int(np.flatnonzero(source.train.labels >= 0)[10])
    for part, ids in change.items():
        fields[part] = [nameless] if ids == "unknown" else ids
    if fields["labeled"] == [0]:
        fields["labeled"] = [known]
    whole = {"version": 1, "dataset": source.name, "seed": 0}
    whole.update(fingerprint=source.fingerprint(), own_validation=False)
    path = tmp_path / "split.json"
    path.write_text(json.dumps({**whole, **fields}))
    with pytest.raises(UserError, match=message) as caught:
        splits.read_split(path, source)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000]
)
def test_files_that_are_no_split(tmp_path, content):
    """Also those that aren't even JSON."""
    path = tmp_path / "split.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is no split.json"):
        splits.read_split(path, made_up.source())


def test_a_missing_file(tmp_path):
    """And a folder in its place."""
    with pytest.raises(UserError, match="No such file"):
        splits.read_split(tmp_path / "nowhere.json", made_up.source())
    with pytest.raises(UserError, match="expected a split.json"):
        splits.read_split(tmp_path, made_up.source())


def test_a_handmade_split_may_leave_images_out(tmp_path):
    """As experiments on mismatched classes do; `own_validation` may be missing."""
    source = made_up.source()
    split = splits.make_split(source, 18, 9, seed=0)
    fields = json.loads(split.to_json())
    fields["unlabeled"] = fields["unlabeled"][:10]
    del fields["own_validation"]
    path = tmp_path / "split.json"
    path.write_text(json.dumps(fields))
    assert len(splits.read_split(path, source).unlabeled) == 10


def as_json_writes_it(split):
    """In one go, as versions wrote it that held all of the text in memory."""
    fields = {"version": 1}
    for field in dataclasses.fields(split):
        value = getattr(split, field.name)
        ids = isinstance(value, np.ndarray)
        fields[field.name] = value.tolist() if ids else value
    lines = (f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in fields.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_ids_are_written_and_read_in_pieces(piece, monkeypatch):
    monkeypatch.setattr(data_splits, "_PIECE", piece)
    split = splits.make_split(made_up.source(unknown=5), 18, 9, seed=11)
    text = split.to_json()
    assert text == as_json_writes_it(split)
    again = data_splits.Split.from_json(text)
    assert again.to_json() == text
    indented = json.dumps(json.loads(text), indent=4)
    assert data_splits.Split.from_json(indented).to_json() == text


@pytest.mark.parametrize("ids", ["[1,,2]", "[1, 2,]", "[,1]", "[1 2]", "[-]", "[01]"])
@pytest.mark.parametrize("piece", [1, 1 << 16])
def test_ids_that_are_no_json(ids, piece, monkeypatch):
    monkeypatch.setattr(data_splits, "_PIECE", piece)
    split = splits.make_split(made_up.source(), 18, 9, seed=11)
    empty = dataclasses.replace(split, validation=split.validation[:0])
    text = empty.to_json()
    assert '"validation": []' in text
    with pytest.raises(ValueError):
        data_splits.Split.from_json(text.replace("[]", ids))
