"""Small made-up batches of images, and methods on networks small enough for them."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms, models, settings
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.parts.groups import NETWORK
from mixdmt_tf.algorithms.parts.perturbed_decoders import KINDS
from mixdmt_tf.data.segmentation.recipe import Recipe

NAMES = tuple(settings.classes("mixdmt_tf.algorithms.segmentation"))
SIZE = (9, 7)  # which differ, so that it shows if somebody swaps them
CLASSES = 4
STEPS = 100
IGNORED = 255
# Powers and thresholds with which networks of random weights are sure of something.
DEFAULTS = {
    "unlabeled_ratio": 2,
    "confidence_threshold": 0.6,
    "gamma1": 2.0,
    "gamma2": 1.0,
    "realness_threshold": 0.1,
    "lambda_dc": 1.0,  # 100 would make errors of rounding large
    "discriminator_layers": 2,
    "discriminator_width": 4,
    "discriminator_dropout": 0.0,  # whose masks depend on the rows of a replica
    **dict.fromkeys(KINDS, 1),
    "cutout_outline": 0,
}
# Of two layers two numbers are left of an image, of which everything is a tie.
OF_METHODS = {"gct": {"discriminator_layers": 1}}
# Settings under which a pixel does not depend on others: a box of the whole image, no
# perturbations that go by places or by the whole image.
POINTWISE = {
    "box_area": 1.0,
    **dict.fromkeys(["feature_noise", "feature_drop", "cutout", "vat"], 0),
}
# Methods of which these layers learn from labels alone.
LABELS_ONLY = {"cct": ("classes",)}
_COLOURS = np.array(
    [[-0.8, 0.7, 0.1], [0.7, 0.8, -0.6], [0.6, -0.8, 0.7], [-0.7, -0.6, -0.8]]
)


def network(kind: str, size: Tuple[int, int] = SIZE) -> keras.Model:
    """'segmenter': a real one; 'rows' see no others, 'pixels' neither."""
    if kind == "segmenter":
        config = models.network("small_segmenter")(width=4, depth=1)
        return config.build_segmenter((*size, 3), CLASSES)
    images = keras.Input((None, None, 3))
    side = {"pixels": 1, "rows": 3}[kind]
    layer = keras.layers.Conv2D(
        CLASSES, side, padding="same", dtype="float32", name="classes"
    )
    return keras.Model(images, layer(images))


def build(name: str, kind: str = "segmenter", **given: Any):
    """A method compiled as its settings say."""
    method_class = algorithms.method("segmentation", name)
    own = {**known_to(method_class, DEFAULTS), **OF_METHODS.get(name, {})}
    config = method_class.config_class(**{**own, **given})
    method = method_class(network(kind), config, RunFacts(CLASSES, 8, STEPS))
    method.compile()
    return method


def known_to(method_class: Any, values: Dict[str, Any]) -> Dict[str, Any]:
    """Those of some settings that a method has."""
    known = {field.name for field in dataclasses.fields(method_class.config_class)}
    return {key: value for key, value in values.items() if key in known}


def plain(name: str, kind: str = "pixels", **given: Any):
    """A method with large random weights, its teacher and peer with others.

    Compiled with plain SGD of rate 1: what a training step takes from the weights is
    the gradient itself.
    """
    method = build(name, kind, **given)
    method.compile(keras.optimizers.SGD(1.0))
    rng = np.random.default_rng(1)
    for each in filter(None, [method.network, method.teacher, method.peer]):
        each.set_weights([rng.normal(0, 1, w.shape) for w in each.get_weights()])
    for weight in method.trained_weights[len(method.network.trainable_weights) :]:
        weight.assign(rng.normal(0, 1, weight.shape))
    if method.teacher is None:
        method.average.restart()
    for name, group in method.groups.items():
        for weight in group.weights if name != NETWORK else ():
            weight.assign(rng.normal(0, 0.3, weight.shape))
    return method


def make(
    recipe: Recipe,
    rows: int = 2,
    step: int = 30,
    seed: int = 0,
    size: Tuple[int, int] = SIZE,
) -> Dict[str, tf.Tensor]:
    """A batch as `Pipeline` describes it, with ignored pixels and padding."""
    rng = np.random.default_rng(seed)
    x, y, _ = _samples(rng, rows, size)
    batch = {"step": np.int64(step), "x": x, "y": y}
    n = rows * recipe.unlabeled_ratio
    if n:
        batch["u"], labels, inside = _samples(rng, n, size)
        confidence = inside.astype(np.float32)
        if recipe.pseudo:  # of which some are wrong
            wrong = (rng.uniform(size=labels.shape) < 0.3) & (labels != IGNORED)
            labels = np.where(wrong, (labels + 1) % CLASSES, labels)
            confidence *= rng.uniform(0.25, 1, labels.shape).astype(np.float32)
        else:
            labels = np.full_like(labels, IGNORED)
        batch.update(u_label=labels, u_confidence=confidence)
    if recipe.keys:
        batch["u_key"] = rng.integers(0, 2**31, (n, 2))
    if recipe.boxes:
        batch["u_box"] = rng.uniform(size=(n // 2, 3)).astype(np.float32)
    return {name: tf.constant(value) for name, value in batch.items()}


def batch_for(method: Any, **given: Any) -> Dict[str, tf.Tensor]:
    """What the method's recipe asks for."""
    return make(method.recipe(method.config), **given)


def judged_by(method: Any) -> str:
    """Which part of a batch says what of an unlabelled image counts."""
    return "u_label" if method.recipe(method.config).pseudo else "u_confidence"


def ignoring(batch: Dict[str, tf.Tensor], *names: str) -> Dict[str, tf.Tensor]:
    """The batch with all ignored in y or u_label, or all of u_confidence padding."""
    nothing = {"y": IGNORED, "u_label": IGNORED, "u_confidence": 0.0}
    changed = {name: tf.fill(tf.shape(batch[name]), nothing[name]) for name in names}
    return {**batch, **changed}


def keeping(
    batch: Dict[str, tf.Tensor], judged: str, count: int = 8
) -> Tuple[Dict[str, tf.Tensor], Dict[str, tf.Tensor]]:
    """All but some pixels of each image ignored; and images of these pixels alone.

    Args:
        batch: of labelled images and perhaps others.
        judged: `judged_by` of the method.
        count: pixels that are kept of each image, in one row.

    Returns:
        Two batches, of which a network that sees single pixels learns the same.
    """
    rng = np.random.default_rng(7)
    masked, alone = dict(batch), dict(batch)
    streams = {"y": ("x", "y"), judged: ("u", "u_label", "u_confidence")}
    for name, parts in streams.items():
        if name not in batch:
            continue
        n, pixels = len(batch[name]), np.prod(SIZE)
        nothing = ignoring(batch, name)[name]
        counts = tf.reshape(batch[name] != nothing, [n, pixels]).numpy()
        drawn = [rng.choice(np.flatnonzero(c), count, replace=False) for c in counts]
        kept = np.array([np.isin(np.arange(pixels), row) for row in drawn])
        masked[name] = tf.where(kept.reshape(n, *SIZE), batch[name], nothing)
        for part in parts:
            flat = batch[part].numpy().reshape(n, 1, pixels, *batch[part].shape[3:])
            chosen = [sample[:, row] for sample, row in zip(flat, drawn)]
            alone[part] = tf.constant(np.stack(chosen))
    return masked, alone


def merge(
    first: Dict[str, tf.Tensor], second: Dict[str, tf.Tensor]
) -> Dict[str, tf.Tensor]:
    """The batch of one device that holds the rows of two replicas.

    A replica pairs its first half with its second: first halves come first.
    """
    merged = {"step": first["step"]}
    for name in set(first) - {"step"}:
        parts = [first[name], second[name]]
        if name in ("u", "u_label", "u_confidence", "u_key"):
            halves = [tf.split(part, 2) for part in parts]
            parts = [half[k] for k in (0, 1) for half in halves]
        merged[name] = tf.concat(parts, 0)
    return merged


def _samples(rng: Any, n: int, size: Tuple[int, int]) -> Tuple[np.ndarray, ...]:
    """Rectangles in their classes' colours, their labels, and what is inside."""
    ends = [rng.integers(side // 2, side + 1, (n, 1)) for side in size]
    ends[0][0], ends[1][-1] = size[0] - 1, size[1] - 1  # there is some padding
    borders = [rng.integers(1, side // 2 + 1, (n, 1)) for side in size]
    rows, columns = (np.arange(side)[None] for side in size)
    inside = (rows < ends[0])[:, :, None] & (columns < ends[1])[:, None, :]
    classes = rng.integers(0, CLASSES, (n, 2, 2))
    lower = (rows >= borders[0]).astype(int)[:, :, None]
    right = (columns >= borders[1]).astype(int)[:, None, :]
    labels = classes[np.arange(n)[:, None, None], lower, right]
    noise = rng.normal(0, 0.3, (*labels.shape, 3))
    images = np.clip(_COLOURS[labels] + noise, -1, 1) * inside[..., None]
    known = inside & (rng.uniform(size=labels.shape) > 0.1)
    labels = np.where(known, labels, IGNORED).astype(np.int32)
    return images.astype(np.float32), labels, inside
