"""mixdmt_tf: semi-supervised image learning in Keras, RealMix and DMT first of all.

The public names: methods of image classification, networks, and what runs are made of.

>>> import mixdmt_tf as mix
>>> network = mix.WideResNet(width=2).build((32, 32, 3), 10)
>>> facts = mix.RunFacts(num_classes=10, labels=250, steps=1000)
>>> method = mix.RealMix(network, mix.RealMix.config_class(), facts)

Methods of segmentation share some of these names, so all of them are in a namespace:
`mix.segmentation.DMT`. `mix.classification` is its counterpart.

Importing the package imports neither TensorFlow nor anything else, so that a command
line answers at once; a name is imported when it is touched (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:  # for editors and type checkers
    from mixdmt_tf.algorithms import classification, segmentation
    from mixdmt_tf.algorithms.base import Algorithm, RunFacts
    from mixdmt_tf.algorithms.classification.co_teaching import CoTeaching
    from mixdmt_tf.algorithms.classification.co_teaching_plus import CoTeachingPlus
    from mixdmt_tf.algorithms.classification.curriculum_labeling import (
        CurriculumLabeling,
    )
    from mixdmt_tf.algorithms.classification.decoupling import Decoupling
    from mixdmt_tf.algorithms.classification.deep_co_training import DeepCoTraining
    from mixdmt_tf.algorithms.classification.dmt import DMT
    from mixdmt_tf.algorithms.classification.dmt_baseline import DMTBaseline
    from mixdmt_tf.algorithms.classification.dmt_flip import DMTFlip
    from mixdmt_tf.algorithms.classification.dmt_mutual import DMTMutual
    from mixdmt_tf.algorithms.classification.dmt_naive import DMTNaive
    from mixdmt_tf.algorithms.classification.dst import DST
    from mixdmt_tf.algorithms.classification.dual_student import DualStudent
    from mixdmt_tf.algorithms.classification.fixmatch import FixMatch
    from mixdmt_tf.algorithms.classification.freematch import FreeMatch
    from mixdmt_tf.algorithms.classification.ict import ICT
    from mixdmt_tf.algorithms.classification.linear_probe import LinearProbe
    from mixdmt_tf.algorithms.classification.mean_teacher import MeanTeacher
    from mixdmt_tf.algorithms.classification.mixdmt import MixDMT
    from mixdmt_tf.algorithms.classification.mixmatch import MixMatch
    from mixdmt_tf.algorithms.classification.mixup import MixUp
    from mixdmt_tf.algorithms.classification.pi_model import PiModel
    from mixdmt_tf.algorithms.classification.pseudo_label import PseudoLabel
    from mixdmt_tf.algorithms.classification.realmix import RealMix
    from mixdmt_tf.algorithms.classification.remixmatch import ReMixMatch
    from mixdmt_tf.algorithms.classification.self_training import SelfTraining
    from mixdmt_tf.algorithms.classification.softmatch import SoftMatch
    from mixdmt_tf.algorithms.classification.supervised import Supervised
    from mixdmt_tf.algorithms.classification.temporal_ensembling import (
        TemporalEnsembling,
    )
    from mixdmt_tf.algorithms.classification.uda import UDA
    from mixdmt_tf.algorithms.classification.vat import VAT
    from mixdmt_tf.data.classification.config import Config as ClassificationData
    from mixdmt_tf.data.segmentation.config import Config as SegmentationData
    from mixdmt_tf.models.cnn13 import CNN13
    from mixdmt_tf.models.deeplab_v2 import DeepLabV2
    from mixdmt_tf.models.efficientnet_lite0 import EfficientNetLite0
    from mixdmt_tf.models.efficientnet_lite1 import EfficientNetLite1
    from mixdmt_tf.models.efficientnet_lite2 import EfficientNetLite2
    from mixdmt_tf.models.keras_application import KerasApplication
    from mixdmt_tf.models.lite_segmenter import LiteSegmenter
    from mixdmt_tf.models.small_cnn import SmallCNN
    from mixdmt_tf.models.small_segmenter import SmallSegmenter
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
    "WideResNet",
    "classification",
    "open_task",
    "segmentation",
    "train",
]

# What does not bear its file's name: module and name there, '' for the module.
_OTHERS = {
    "Algorithm": ("algorithms.base", "Algorithm"),
    "ClassificationData": ("data.classification.config", "Config"),
    "Experiment": ("runs.experiment", "Experiment"),
    "RunConfig": ("runs.config", "Config"),
    "RunFacts": ("algorithms.base", "RunFacts"),
    "SegmentationData": ("data.segmentation.config", "Config"),
    "classification": ("algorithms.classification", ""),
    "open_task": ("tasks", "open_task"),
    "segmentation": ("algorithms.segmentation", ""),
    "train": ("tasks.fit", "train"),
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is touched for the first time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _OTHERS.get(name) or (_home(name), name)
    owner = importlib.import_module(f"{__name__}.{module}")
    globals()[name] = found = getattr(owner, attribute) if attribute else owner
    return found


def __dir__() -> List[str]:
    """What the module has, including names that nobody has touched so far."""
    return sorted({*globals(), *__all__})


def _home(name: str) -> str:
    """The module of a method or network: the file whose name the class bears."""
    from mixdmt_tf.settings import classes

    for package in ("algorithms.classification", "models"):
        for file, bearing in classes(f"{__name__}.{package}").items():
            if bearing == name:
                return f"{package}.{file}"
    raise AttributeError(f"module {__name__!r} has no file for {name!r}")
