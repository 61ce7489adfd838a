"""The settings of the second of two networks that teach each other."""

from __future__ import annotations

import dataclasses

import pytest

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.deeplab_v2 import DeepLabV2

SMALL = DeepLabV2(14, 1, rates="1")


def differing(one, other):
    """Names of the settings that two networks don't share."""
    names = [field.name for field in dataclasses.fields(DeepLabV2)]
    return {name for name in names if getattr(one, name) != getattr(other, name)}


def test_the_same_unless_something_is_said():
    given = DeepLabV2(50, 32, output_stride=16, rates="3", normalization="caffe")
    for config in (DeepLabV2(), given, dataclasses.replace(given, pretrained="a.npz")):
        assert config.second() == config


def test_other_weights_and_what_they_expect_of_images():
    """DMT on PASCAL VOC: one from COCO, the other from ImageNet."""
    config = DeepLabV2(
        normalization="coco",
        pretrained="coco.npz",
        normalization_b="imagenet",
        pretrained_b="imagenet.safetensors",
    )
    second = config.second()
    assert differing(config, second) == {"normalization", "pretrained"}
    assert (second.normalization, second.pretrained) == (
        "imagenet",
        "imagenet.safetensors",
    )


def test_each_by_itself():
    assert DeepLabV2(pretrained="a", pretrained_b="b").second().pretrained == "b"
    assert DeepLabV2(pretrained="a").second().pretrained == "a"
    assert DeepLabV2(pretrained_b="b").second().pretrained == "b"
    assert DeepLabV2(normalization_b="none").second().normalization == "none"


@pytest.mark.parametrize(
    ("layout", "layout_b", "momentum"),
    [("torch", "keras", 0.99), ("keras", "torch", 0.9)],
)
def test_another_layout_brings_its_own_statistics(layout, layout_b, momentum):
    config = DeepLabV2(layout=layout, layout_b=layout_b)
    second = config.second()
    assert differing(config, second) == {"layout"}
    assert (second.layout, second.momentum) == (layout_b, momentum)
    assert config.for_run(10**6).second().momentum == momentum


@pytest.mark.parametrize("layout_b", ["same", "torch"])
def test_of_the_same_layout_a_given_momentum_stays(layout_b):
    config = DeepLabV2(batch_norm_momentum=0.95, layout_b=layout_b)
    assert config.second().batch_norm_momentum == 0.95


def test_the_second_of_a_second_is_the_same():
    config = DeepLabV2(layout_b="keras", normalization_b="caffe", pretrained_b="b.h5")
    second = config.second()
    assert second.second() == second
    # As it is read from the record of a run.
    assert DeepLabV2(**dataclasses.asdict(second)) == second


def test_what_is_no_choice_is_refused():
    for wrong in ({"layout_b": "caffe"}, {"normalization_b": "bgr"}):
        with pytest.raises(UsageError, match="expected"):
            DeepLabV2(**wrong)


def test_both_are_built():
    config = dataclasses.replace(SMALL, layout_b="keras", normalization_b="none")
    one = config.build_segmenter((9, 9, 3), 2)
    other = config.second().build_segmenter((9, 9, 3), 2)
    names = [{layer.name for layer in model.layers} for model in (one, other)]
    assert "layer1_0_conv1" in names[0] and "conv2_block1_1_conv" in names[1]
    assert "normalization" in names[0] and "normalization" not in names[1]
    assert one.output_shape == other.output_shape == (None, 9, 9, 2)
