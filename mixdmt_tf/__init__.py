"""mixdmt_tf: semi-supervised image learning in Keras, RealMix and DMT first of all.

A method wraps your network in a Keras model, as `docs/python.md` shows:

>>> import mixdmt_tf
>>> model = mixdmt_tf.RealMix(network, num_classes=10)
>>> model.fit((images, labels), unlabeled=more_images, epochs=10)

Some segmentation methods have the same names as classification methods, so they are in
a namespace of their own: `mixdmt_tf.segmentation.DMT`. `mixdmt_tf.classification` is
its counterpart. The package also has networks, `load_model`, and the classes that
command-line runs are made of.

Importing the package does not import TensorFlow or anything else, so that commands
start at once; each name is imported on first access (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:  # for editors and type checkers
    from mixdmt_tf.algorithms.base import Algorithm, RunFacts
    from mixdmt_tf.data.classification.config import Config as ClassificationData
    from mixdmt_tf.data.segmentation.config import Config as SegmentationData
    from mixdmt_tf.learners import classification, segmentation
    from mixdmt_tf.learners.classification import (
        DMT,
        DST,
        ICT,
        UDA,
        VAT,
        CoTeaching,
        CoTeachingPlus,
        CurriculumLabeling,
        Decoupling,
        DeepCoTraining,
        DMTBaseline,
        DMTFlip,
        DMTMutual,
        DMTNaive,
        DualStudent,
        FixMatch,
        FreeMatch,
        LinearProbe,
        MeanTeacher,
        MixDMT,
        MixMatch,
        MixUp,
        PiModel,
        PseudoLabel,
        RealMix,
        ReMixMatch,
        SelfTraining,
        SoftMatch,
        Supervised,
        TemporalEnsembling,
    )
    from mixdmt_tf.learners.loading import load_model
    from mixdmt_tf.models.cnn13 import CNN13
    from mixdmt_tf.models.deeplab_v2 import DeepLabV2
    from mixdmt_tf.models.efficientnet_lite0 import EfficientNetLite0
    from mixdmt_tf.models.efficientnet_lite1 import EfficientNetLite1
    from mixdmt_tf.models.efficientnet_lite2 import EfficientNetLite2
    from mixdmt_tf.models.keras_application import KerasApplication
    from mixdmt_tf.models.lite_segmenter import LiteSegmenter
    from mixdmt_tf.models.small_cnn import SmallCNN
    from mixdmt_tf.models.small_segmenter import SmallSegmenter
    from mixdmt_tf.models.whitened_cnn import WhitenedCNN
    from mixdmt_tf.models.wide_resnet import WideResNet
    from mixdmt_tf.runs.config import Config as RunConfig
    from mixdmt_tf.runs.experiment import Experiment
    from mixdmt_tf.tasks import open_task
    from mixdmt_tf.tasks.fit import train

__version__ = "0.1.0"

__all__ = [
    "Algorithm",
    "CNN13",
    "ClassificationData",
    "CoTeaching",
    "CoTeachingPlus",
    "CurriculumLabeling",
    "DMT",
    "DMTBaseline",
    "DMTFlip",
    "DMTMutual",
    "DMTNaive",
    "DST",
    "Decoupling",
    "DeepCoTraining",
    "DeepLabV2",
    "DualStudent",
    "EfficientNetLite0",
    "EfficientNetLite1",
    "EfficientNetLite2",
    "Experiment",
    "FixMatch",
    "FreeMatch",
    "ICT",
    "KerasApplication",
    "LinearProbe",
    "LiteSegmenter",
    "MeanTeacher",
    "MixDMT",
    "MixMatch",
    "MixUp",
    "PiModel",
    "PseudoLabel",
    "ReMixMatch",
    "RealMix",
    "RunConfig",
    "RunFacts",
    "SegmentationData",
    "SelfTraining",
    "SmallCNN",
    "SmallSegmenter",
    "SoftMatch",
    "Supervised",
    "TemporalEnsembling",
    "UDA",
    "VAT",
    "WhitenedCNN",
    "WideResNet",
    "classification",
    "load_model",
    "open_task",
    "segmentation",
    "train",
]

# Names that differ from their file's name: (module, name there or '' for the module).
_OTHERS = {
    "Algorithm": ("algorithms.base", "Algorithm"),
    "ClassificationData": ("data.classification.config", "Config"),
    "Experiment": ("runs.experiment", "Experiment"),
    "RunConfig": ("runs.config", "Config"),
    "RunFacts": ("algorithms.base", "RunFacts"),
    "SegmentationData": ("data.segmentation.config", "Config"),
    "classification": ("learners.classification", ""),
    "load_model": ("learners.loading", "load_model"),
    "open_task": ("tasks", "open_task"),
    "segmentation": ("learners.segmentation", ""),
    "train": ("tasks.fit", "train"),
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is accessed for the first time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _OTHERS.get(name) or (_home(name), name)
    owner = importlib.import_module(f"{__name__}.{module}")
    globals()[name] = found = getattr(owner, attribute) if attribute else owner
    return found


def __dir__() -> List[str]:
    """Lists the module's names, including public names not imported yet."""
    return sorted({*globals(), *__all__})


def _home(name: str) -> str:
    """Returns the module that defines a method or a network."""
    from mixdmt_tf.settings import classes

    if name in classes(f"{__name__}.algorithms.classification").values():
        return "learners.classification"
    for file, bearing in classes(f"{__name__}.models").items():
        if bearing == name:
            return f"models.{file}"
    raise AttributeError(f"module {__name__!r} has no file for {name!r}")
