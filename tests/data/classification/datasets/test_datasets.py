"""Finding a source by its file's name."""

import subprocess
import sys

import pytest

from mixdmt_tf.data.classification import datasets
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.errors import UsageError


def test_the_nearest_name_is_suggested():
    """With the list of all names."""
    with pytest.raises(UsageError) as caught:
        datasets.load(Config(dataset="cifar"))
    assert str(caught.value).splitlines() == [
        "--dataset=cifar: expected one of cifar10, cifar100, digits, fashion_mnist, "
        "folder, imagenet32, multilabel_folder, stl10, svhn, svhn_extra",
        "did you mean cifar10?",
    ]


@pytest.mark.parametrize("name", ["", "../digits", "digits.py", "__init__", "os", "."])
def test_other_names_are_not_imported(name):
    """Whatever they are."""
    with pytest.raises(UsageError, match="expected one of"):
        datasets.load(Config(dataset=name))


def test_digits_need_no_tensorflow():
    """So that looking at data and splits is quick."""
    program = (
        "import sys;"
        "from mixdmt_tf.data.classification import config, datasets, splits;"
        "source = datasets.load(config.Config(dataset='digits'));"
        "splits.describe(splits.make_split(source, 20, None, 1), source);"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
