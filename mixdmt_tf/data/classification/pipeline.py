"""Batches as a pure function of (seed, step, replica).

There is no shuffle buffer and no iterator state: images, augmentations and MixUp
coefficients of step t are computed from t. Therefore a run can be resumed at any step
without delay, and every replica computes its own rows.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Callable, Dict, Iterator, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data import draws
from mixdmt_tf.data.augment import crop_flip
from mixdmt_tf.data.classification.copies import AUGMENTATIONS
from mixdmt_tf.data.classification.mixup_draws import mixup_draws
from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.lazy_images import gatherer, take
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.data.precomputed import Store
from mixdmt_tf.data.splits import Split
from mixdmt_tf.data.tracing import as_it_is
from mixdmt_tf.errors import UserError

Batch = Dict[str, tf.Tensor]
PASS = 250  # batch size outside of training


@dataclasses.dataclass(frozen=True, eq=False)
class Pipeline:
    """The training batches of one run.

    Attributes:
        source: the data set.
        split: split into labelled and unlabelled training images.
        recipe: requirements of the algorithm.
        seed: the run's seed.
        batch: labelled images per step over all replicas.
        store: images of the unlabelled stream (`precomputed.open_store`); item
            k N + i is a copy of the i-th unlabelled image. None: no unlabelled images.
        store_size: number of items of the store.
        pseudo: pseudo labels of the split's unlabelled images. With them, the
            unlabelled stream has only the images whose pseudo labels were kept.
        mixup_parts: number of equal parts of a batch within which MixUp partners are
            drawn; 0: one for each replica.
    """

    source: Source
    split: Split
    recipe: Recipe
    seed: int
    batch: int
    store: Optional[Store] = None
    store_size: int = 0
    pseudo: Optional[PseudoLabels] = None
    mixup_parts: int = 0

    def dataset(
        self,
        start: int,
        stop: int,
        replicas: int = 1,
        own: Optional[range] = None,
    ) -> tf.data.Dataset:
        """Returns batches of the steps start, ..., stop - 1.

        With several replicas the elements alternate between them, each with
        batch / replicas rows, as `strategy.distribute_datasets_from_function` expects.

        Args:
            start: first step.
            stop: one past the last step.
            replicas: number of replicas.
            own: the replicas to make batches for; None: all.

        Returns:
            A data set of dictionaries as `Recipe` describes them.
        """
        make = self._maker(replicas)
        own = range(replicas) if own is None else own
        number = len(own)
        elements = tf.data.Dataset.range(start * number, stop * number)
        elements = elements.map(
            as_it_is(
                lambda element: make(element // number, own.start + element % number)
            ),
            num_parallel_calls=2,
            deterministic=True,
        )
        return elements.prefetch(4)

    def maker(self, replicas: int = 1) -> Callable[[tf.Tensor, tf.Tensor], Batch]:
        """Returns a graph function from step and replica, int64 [], to the batch."""
        number = tf.TensorSpec([], tf.int64)
        make: Callable[[tf.Tensor, tf.Tensor], Batch] = tf.function(
            as_it_is(self._maker(replicas)), input_signature=[number, number]
        )
        return make

    def at(self, step: int, replica: int = 0, replicas: int = 1) -> Batch:
        """Returns the batch of one step."""
        make = self._maker(replicas)
        return make(tf.constant(step, tf.int64), tf.constant(replica, tf.int64))

    def labeled_images(self) -> Iterator[Tuple[tf.Tensor, np.ndarray]]:
        """Yields all labelled images once, unaugmented, in the order of the split.

        Yields:
            Images, float32 [n, H, W, C] in [-1, 1], and classes, int32 [n].
        """
        for start in range(0, len(self.split.labeled), PASS):
            some = self.source.train.take(self.split.labeled[start : start + PASS])
            yield to_float(some.images), some.labels

    @functools.cached_property
    def label_weights(self) -> Optional[np.ndarray]:
        """Returns the weights of the split's labels, float32 [labels].

        Weights are relative. They are divided by their mean, so that the supervised
        loss keeps its scale relative to the unsupervised loss and the learning rate.
        None: all labels have the same weight.

        Raises:
            UserError: if all weights are 0.
        """
        if self.source.train.weights is None:
            return None
        weights = self.source.train.weights[self.split.labeled].astype(np.float64)
        mean = weights.mean()
        if not mean:
            raise UserError(
                f"all {len(weights)} labelled images weigh 0: nothing would be learned."
                "\nGive some of them a weight, or more --labels."
            )
        return (weights / mean).astype(np.float32)

    def unlabeled_images(
        self, places: Optional[np.ndarray] = None
    ) -> Iterator[tf.Tensor]:
        """Yields all or some unlabelled images once, unaugmented.

        Args:
            places: indices of the images in the split's unlabelled ones, in [0, N);
                None: all.

        Yields:
            Images, float32 [n, H, W, C] in [-1, 1].
        """
        wanted = self.split.unlabeled
        wanted = wanted if places is None else wanted[places]
        for start in range(0, len(wanted), PASS):
            yield to_float(take(self.source.train.images, wanted[start : start + PASS]))

    def _maker(self, replicas: int):
        if self.batch % replicas:
            raise ValueError(
                f"a batch of {self.batch} cannot be shared by {replicas} replicas"
            )
        if self.mixup_parts % replicas or (
            self.mixup_parts and self.batch % self.mixup_parts
        ):
            raise ValueError(
                f"{self.mixup_parts} parts of a batch of {self.batch} cannot be shared "
                f"by {replicas} replicas"
            )
        rows = self.batch // replicas
        images = gatherer(self.source.train.images)
        labels = tf.constant(self.source.train.labels, tf.int32)
        labeled = tf.constant(self.split.labeled, tf.int64)
        weights = self.label_weights

        def make(step: tf.Tensor, replica: tf.Tensor) -> Batch:
            first = replica * rows
            positions = step * self.batch + first + tf.range(rows, dtype=tf.int64)
            places = self._shuffled("labeled", positions, labeled)
            ids = tf.gather(labeled, places)
            x = self._augment(images(ids), "x", step, first)
            batch = {"step": step, "x": x, "y": tf.gather(labels, ids)}
            if self.recipe.indices:
                batch["x_index"] = places
            if self.recipe.pseudo:
                batch["x_weight"] = self._class_weights(batch["y"])
            if weights is not None:
                own = tf.gather(weights, places)
                batch["x_weight"] = own * batch.get("x_weight", 1.0)
            if self.recipe.unlabeled_views:
                batch.update(self._unlabeled(images, labels, step, replica, replicas))
            if self.recipe.mixup_groups:
                parts = (self.mixup_parts or replicas) // replicas
                size = rows // parts
                batch.update(
                    mixup_draws(self.recipe, self.seed, step, replica, size, parts)
                )
            return batch

        return make

    def _shuffled(self, stream: str, positions, pool) -> tf.Tensor:
        return draws.shuffled(self.seed, stream, positions, int(pool.shape[0]))

    def _unlabeled(self, images, labels, step, replica, replicas: int) -> Batch:
        recipe = self.recipe
        if self.store is None:
            raise ValueError("the recipe asks for unlabelled images, there is no store")
        total = self.batch * recipe.unlabeled_ratio
        rows = total // replicas
        first = replica * rows
        positions = step * total + first + tf.range(rows, dtype=tf.int64)
        items, found = self._items(positions)
        unlabeled = tf.constant(self.split.unlabeled, tf.int64)
        places = items % len(self.split.unlabeled)
        ids = tf.gather(unlabeled, places)
        pictures = self.store(items)
        pictures = tf.ensure_shape(pictures, items.shape + pictures.shape[1:])

        def views(of, purpose, number, augment=recipe.augment):
            drawn = (f"{purpose}{view}" for view in range(number))
            return [
                self._augment(of, each, step, first, total, augment) for each in drawn
            ]

        batch = {
            "u": tf.stack(views(pictures, "u", recipe.unlabeled_views), axis=1),
            "u_truth": tf.gather(labels, ids),
            **found,
        }
        if recipe.original_views:
            augment = "none" if recipe.weak_originals else recipe.augment
            shown = images(ids)
            originals = views(shown, "o", recipe.original_views, augment)
            batch["u_original"] = tf.stack(originals, axis=1)
        if recipe.indices:
            batch["u_index"] = places
        if recipe.noise:
            key = draws.step_key(self.seed, "noise", step)
            noise = draws.normal(key, [total, *self.source.image_shape])
            batch["u_noise"] = noise[first : first + rows]
        return batch

    def _items(self, positions) -> Tuple[tf.Tensor, Batch]:
        """Returns store items at positions of the stream, and their pseudo labels."""
        if not self.recipe.pseudo:
            size = self.store_size
            return draws.shuffled(self.seed, "unlabeled", positions, size), {}
        pseudo = self.pseudo
        if pseudo is None:
            raise ValueError("the recipe asks for pseudo labels, there are none")
        images = len(pseudo.kept)
        kept = np.arange(images) if self.recipe.unkept else np.flatnonzero(pseudo.kept)
        copies = self.store_size // images
        drawn = draws.shuffled(self.seed, "unlabeled", positions, len(kept) * copies)
        places = tf.gather(tf.constant(kept, tf.int64), drawn % len(kept))
        found = {}
        if self.recipe.unkept:
            found["u_kept"] = tf.gather(tf.constant(pseudo.kept, tf.float32), places)
        return drawn // len(kept) * images + places, {
            **found,
            "u_label": tf.gather(tf.constant(pseudo.labels), places),
            "u_confidence": tf.gather(tf.constant(pseudo.confidence), places),
            "u_weight": tf.gather(tf.constant(pseudo.row_weights()), places),
        }

    def _class_weights(self, labels) -> tf.Tensor:
        """Returns the class weights of labels, if pseudo labels have such weights."""
        weights = None if self.pseudo is None else self.pseudo.class_weights
        if weights is None:
            return tf.ones_like(labels, tf.float32)
        return tf.gather(tf.constant(weights), labels)

    def _augment(
        self, images, purpose: str, step, first, total=None, augment=None
    ) -> tf.Tensor:
        """Augments this replica's rows; random numbers are those of the whole batch."""
        rows = tf.shape(images, tf.int64)[0]

        def uniforms(purpose: str, number: int) -> tf.Tensor:
            key = draws.step_key(self.seed, purpose, step)
            drawn = draws.uniform(key, [total or self.batch, number])
            return drawn[first : first + rows]

        source, recipe = self.source, self.recipe
        moves = uniforms(purpose, crop_flip.UNIFORMS)
        images = crop_flip.crop_flip(
            images, moves, source.crop_padding, source.flip, recipe.fill
        )
        augment = augment or recipe.augment
        if augment != "none":
            number, apply = AUGMENTATIONS[augment]
            images = apply(images, uniforms(f"{purpose}/strong", number))
        return to_float(images)
