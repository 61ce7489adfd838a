"""The names that `import mixdmt_tf` offers, and what they cost."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import mixdmt_tf
from mixdmt_tf import algorithms
from mixdmt_tf.settings import classes, modules, settings_of

ROOT = Path(mixdmt_tf.__file__).parent.parent
TASKS = ("classification", "segmentation")


def test_importing_the_package_imports_nothing_else():
    program = (
        "import sys, mixdmt_tf\n"
        "assert set(mixdmt_tf.__all__) <= set(dir(mixdmt_tf))\n"
        "print(*[m for m in sys.modules if m.startswith('mixdmt_tf.')])\n"
        "namespaces = mixdmt_tf.classification, mixdmt_tf.segmentation\n"
        "assert all('DMT' in dir(each) for each in namespaces)\n"
        "print(*{'tensorflow', 'keras', 'numpy'} & set(sys.modules))\n"
        "from mixdmt_tf import RunConfig\n"
        "print(RunConfig().network, 'tensorflow' in sys.modules)\n"
        "print(mixdmt_tf.SmallCNN().filters, 'tensorflow' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[:3] == ["", "", "wide_resnet False"]
    assert result.stdout.splitlines()[3].endswith("True")


def test_editors_are_told_where_each_name_is():
    """What is written for type checkers is what a name resolves to, and complete."""
    tree = ast.parse(Path(mixdmt_tf.__file__).read_text(encoding="utf-8"))
    for task in TASKS:
        importlib.import_module(f"mixdmt_tf.learners.{task}")
    (block,) = [n for n in tree.body if isinstance(n, ast.If)]
    told = {}
    for node in block.body:
        for alias in node.names:
            found = getattr(importlib.import_module(node.module), alias.name)
            told[alias.asname or alias.name] = found
    assert sorted(told) == sorted(mixdmt_tf.__all__)
    for name, found in told.items():
        vars(mixdmt_tf).pop(name, None)  # it may have been touched before
        assert getattr(mixdmt_tf, name) is found, name
        assert vars(mixdmt_tf)[name] is found


def test_every_method_and_network_is_public():
    methods = classes("mixdmt_tf.algorithms.classification").values()
    networks = classes("mixdmt_tf.models")
    files = {*modules("mixdmt_tf.models", "build")}
    files |= {*modules("mixdmt_tf.models", "build_segmenter")}
    wanted = {*methods, *(networks[each] for each in files if each in networks)}
    assert wanted - {"Network", "ResNet"} <= set(mixdmt_tf.__all__)
    assert {"RealMix", "WideResNet", "DeepLabV2"} <= wanted


@pytest.mark.parametrize("task", TASKS)
def test_a_namespace_makes_models_of_the_methods_of_its_task(task):
    namespace = getattr(mixdmt_tf, task)
    for name, found in classes(f"mixdmt_tf.algorithms.{task}").items():
        make = getattr(namespace, found)
        assert (make.__name__, found in dir(namespace)) == (found, True)
        assert make.__module__ == namespace.__name__
        assert make is getattr(namespace, found)
        settings = settings_of(algorithms.method(task, name).config_class)
        assert [e.name for e in settings if f"    {e.name} (" not in make.__doc__] == []


def test_a_model_is_of_the_method_that_made_it():
    network = mixdmt_tf.SmallCNN(filters=2).build((8, 8, 3), 4)
    for task in TASKS:
        if task == "segmentation":
            network = mixdmt_tf.SmallSegmenter(width=8).build_segmenter((9, 9, 3), 4)
        for name, found in classes(f"mixdmt_tf.algorithms.{task}").items():
            model = getattr(getattr(mixdmt_tf, task), found)(network, 4)
            assert (model.keywords.task, model.keywords.name) == (task, name)
            in_rounds = algorithms.method(task, name).loop == "rounds"
            assert (type(model).__name__ == "RoundsLearner") == in_rounds


def test_names_of_one_task():
    assert mixdmt_tf.DMT is mixdmt_tf.classification.DMT
    assert mixdmt_tf.segmentation.DMT is not mixdmt_tf.DMT


def test_other_names_are_refused():
    for owner in (mixdmt_tf, mixdmt_tf.classification, mixdmt_tf.segmentation):
        with pytest.raises(AttributeError, match=f"{owner.__name__}.*RealMixx"):
            getattr(owner, "Real" + "Mixx")
