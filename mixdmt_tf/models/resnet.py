"""Residual networks of 50 and 101 layers as dilated feature extractors.

He et al. 2016 with bottleneck blocks, in the two layouts in which ImageNet weights are
published. They are different networks, and weights of one are useless in the other:

- `torch` (torchvision, 'v1.5'; used by DMT): a block halves the image in its 3x3
  convolution, no convolution has a bias, epsilon 1e-5. Layers have the names of
  torchvision with '_' for '.': `layer1_0_conv1`, `layer1_0_downsample_0`.
- `keras` (`keras.applications.ResNet50`, `ResNet101`; the original paper): a block
  halves the image in its first 1x1 convolution, convolutions have biases, epsilon
  1.001e-5. Layers have the names of keras.applications: `conv2_block1_0_conv`.

Both pad by the same amount on all sides, and both have the same feature sizes.

An output stride below 32 (Chen et al. 2017, DeepLab-v2, section 3.1) replaces the last
strides by dilation. The network's values at the original points stay the same; the
points in between are new. In the torch layout the 3x3 convolution of a block that would
have halved the image keeps the dilation of the stage before (torchvision's
`replace_stride_with_dilation`); in the keras layout, where the stride came before that
convolution, it has the new dilation.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import keras

from mixdmt_tf import lengths
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.layers.normalization import batch_normalization
from mixdmt_tf.settings import setting

# Blocks of each of the four stages.
_BLOCKS = {
    14: (1, 1, 1, 1),
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}


@dataclasses.dataclass(frozen=True)
class ResNet(Network):
    """Size and layout of the network.

    A `batch_norm_momentum` of None is filled in by `for_run`; a network built without
    `for_run` has the layout's own momentum, that of long runs.
    """

    depth: int = setting(
        101,
        "layers with weights, one of them the classifier's that is left out here; for "
        "14 and 26, which are for tests and small machines, there are no published "
        "weights",
        choices=(14, 26, 50, 101),
    )
    width: int = setting(
        64,
        "filters of the first convolution; the stages put out 4, 8, 16 and 32 times as "
        "many; published weights have 64",
        low=1,
    )
    layout: str = setting(
        "torch",
        "torch: torchvision's (stride on the 3x3 convolution, no biases), for weights "
        "in .safetensors, .npz or .pth; keras: that of keras.applications (stride on "
        "the first 1x1, biases), for its .h5 files",
        choices=("torch", "keras"),
    )
    output_stride: int = setting(
        8,
        "pixels of the image for one of the features, in each direction; 8 in DMT; a "
        "larger stride is faster and coarser",
        choices=(8, 16, 32),
    )
    batch_norm_momentum: Optional[float] = setting(
        None,
        "momentum of batch normalization's running statistics; default: the layout's "
        "own, .9 (torch) or .99 (keras), or 1 - 20 / steps in shorter runs than .99 is "
        "made for, and at least .9",
        low=0.0,
        high=1.0,
        by_length=True,
    )

    def for_run(self, steps: int) -> ResNet:
        """Returns these settings with the momentum for a run's length."""
        momentum = lengths.batch_norm_momentum(self._own_momentum, steps)
        return lengths.filled_in(self, batch_norm_momentum=momentum)

    @property
    def momentum(self) -> float:
        """Momentum of batch normalization, from the settings or else the layout."""
        given = self.batch_norm_momentum
        return self._own_momentum if given is None else given

    @property
    def _own_momentum(self) -> float:
        return {"torch": 0.9, "keras": 0.99}[self.layout]


def features(config: ResNet, x: Any) -> Any:
    """Returns the last of `stages`: [B, ceil(H / s), ceil(W / s), 32 width].

    Args:
        config: size and layout; s is its output stride.
        x: symbolic images [B, H, W, channels], normalized as the weights require.
    """
    return stages(config, x)[config.output_stride]


def stages(config: ResNet, x: Any) -> Dict[int, Any]:
    """Applies the network, without its pooling and classifier, to a Keras tensor.

    Args:
        config: size and layout.
        x: symbolic images [B, H, W, channels], normalized as the weights require.

    Returns:
        The last symbolic tensor of each resolution, [B, ceil(H / s), ceil(W / s),
        channels] in the precision of the policy, by its stride s: 4, ... up to the
        output stride.
    """
    torch = config.layout == "torch"
    stem = ("conv1", "bn1") if torch else ("conv1_conv", "conv1_bn")
    x = _convolve(config, x, stem, config.width, 7, stride=2)
    x = keras.layers.ReLU(name="conv1_relu")(x)
    # Pooled values are not negative, so a border of zeros never is the maximum.
    x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = keras.layers.MaxPooling2D(3, 2, name="pool1_pool")(x)

    found: Dict[int, Any] = {}
    reached, dilation = 4, 1
    for stage, blocks in enumerate(_BLOCKS[config.depth]):
        stride, before = (1 if stage == 0 else 2), dilation
        if reached * stride > config.output_stride:
            stride, dilation = 1, dilation * stride
        reached *= stride
        for index in range(blocks):
            x = _block(
                config,
                x,
                f"layer{stage + 1}_{index}"
                if torch
                else f"conv{stage + 2}_block{index + 1}",
                config.width << stage,
                stride if index == 0 else 1,
                before if torch and index == 0 else dilation,
                # The input of a stage's first block has another number of channels.
                projects=index == 0,
            )
        found[reached] = x
    return found


def _block(
    config: ResNet,
    x: Any,
    name: str,
    filters: int,
    stride: int,
    dilation: int,
    projects: bool,
) -> Any:
    """Applies a bottleneck: 1x1, 3x3 and 1x1 convolutions beside a shortcut."""
    torch = config.layout == "torch"

    def names(number: int) -> Tuple[str, str]:
        """Returns layer names: convolution `number` (0: shortcut), normalization."""
        if not torch:
            return f"{name}_{number}_conv", f"{name}_{number}_bn"
        if number == 0:
            return f"{name}_downsample_0", f"{name}_downsample_1"
        return f"{name}_conv{number}", f"{name}_bn{number}"

    shortcut = x
    if projects:
        shortcut = _convolve(config, x, names(0), 4 * filters, 1, stride)
    first, second = (1, stride) if torch else (stride, 1)
    x = _convolve(config, x, names(1), filters, 1, first)
    x = keras.layers.ReLU(name=f"{name}_1_relu")(x)
    x = _convolve(config, x, names(2), filters, 3, second, dilation)
    x = keras.layers.ReLU(name=f"{name}_2_relu")(x)
    x = _convolve(config, x, names(3), 4 * filters, 1)
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_out")(x)


def _convolve(
    config: ResNet,
    x: Any,
    names: Tuple[str, str],
    filters: int,
    kernel: int,
    stride: int = 1,
    dilation: int = 1,
) -> Any:
    """Applies a convolution and its batch normalization, with these two names."""
    torch = config.layout == "torch"
    padding = "same"
    if kernel > 1 and stride > 1:
        # 'same' would pad images of even size only below and to the right.
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{names[0]}_pad")(x)
        padding = "valid"
    start: Any = "glorot_uniform"
    if torch:  # He's over the fan-out, not truncated
        start = keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
    x = keras.layers.Conv2D(
        filters,
        kernel,
        stride,
        padding=padding,
        dilation_rate=dilation,
        use_bias=not torch,
        kernel_initializer=start,
        name=names[0],
    )(x)
    return batch_normalization()(
        momentum=config.momentum,
        epsilon=1e-5 if torch else 1.001e-5,
        name=names[1],
    )(x)
