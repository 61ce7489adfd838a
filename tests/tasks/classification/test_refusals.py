"""A refused command leaves no split behind: corrected, it trains in the same folder."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.tasks.classification import tiny

FLAGS = (
    "--dataset=folder",
    "--labels=12",
    "--validation=0",
    "--steps=2",
    "--copies=0",
    "--batch=4",
)


def save(root, names):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.RandomState(number).randint(0, 256, (8, 8, 3))
        Image.fromarray(noise.astype(np.uint8)).save(path)


@pytest.fixture(name="images")
def fixture_images(tmp_path):
    labeled = [f"labeled/{name}/{number}.png" for name in "ab" for number in range(6)]
    save(tmp_path / "images", labeled)
    return tmp_path / "images"


def train(images, *more):
    folder = images.with_name("run")
    if not any(each.startswith("--algorithm") for each in more):
        more = ("--algorithm=fixmatch", *more)
    names = {each.partition("=")[0] for each in more}
    flags = [each for each in FLAGS if each.partition("=")[0] not in names]
    return folder, tiny.session(folder, *flags, f"--data_dir={images}", *more)


def refused(images, said, *more):
    folder, done = train(images, *more)
    assert done.code in (1, 2) and said in done.err
    assert not (folder / "split.json").exists()


def test_unlabelled_images_may_be_added(images):
    refused(images, "needs unlabelled images")
    save(images, [f"unlabeled/{number}.png" for number in range(6)])
    assert train(images)[1].code == 0


def test_another_run_to_begin_from(images):
    save(images, [f"unlabeled/{number}.png" for number in range(6)])
    refused(images, "holds no trained run", f"--init_from={images}/nothing")
    assert train(images)[1].code == 0


def test_weights(images):
    save(images, [f"unlabeled/{number}.png" for number in range(6)])
    table = images.with_name("weights.csv")
    rows = [f"labeled/{name}/{number}.png" for name in "ab" for number in range(6)]

    def write(weight):
        lines = [f"{row},{weight}" for row in rows]
        table.write_text("\n".join(["file,weight", *lines, ""]))

    write(0)
    refused(images, "labelled images weigh 0", f"--weights_csv={table}")
    write(1)
    assert train(images, f"--weights_csv={table}")[1].code == 0


def test_parts_of_a_batch(images):
    save(images, [f"unlabeled/{number}.png" for number in range(6)])
    mixing = "--algorithm=mixmatch"
    refused(images, "expected a divisor of --batch", mixing, "--mixup_parts=7")
    assert train(images, mixing, "--mixup_parts=2")[1].code == 0


@pytest.mark.parametrize("labels", [12, 6])
def test_labels_beside_a_split(labels, images):
    _, done = train(images, "--algorithm=supervised")
    assert done.code == 0
    split = images.with_name("run").rename(images.with_name("first")) / "split.json"
    more = ("--algorithm=supervised", f"--split={split}", f"--labels={labels}")
    done = train(images, *more)[1]
    assert done.code == 0, done.err
    said = f"has 12 labelled images: --labels={labels} does not count"
    assert done.out.count(said) == (labels != 12)
