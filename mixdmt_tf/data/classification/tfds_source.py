"""Common code of sources that TensorFlow Datasets prepares.

Prepared data are read from their folder, without the network. TensorFlow Datasets
fetches data only if they are missing, and only after a short check that their server
responds, because it would retry for minutes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import sys
import urllib.parse
from typing import Any, Iterator, Optional, Sequence

from absl import logging

from mixdmt_tf import addresses
from mixdmt_tf.data.classification import class_folders
from mixdmt_tf.data.classification.answering import answers
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded, in_home


@dataclasses.dataclass(frozen=True)
class Prepared:
    """One data set.

    Attributes:
        name: name of the source.
        prepared_as: its name in TensorFlow Datasets and of its folder in `data_dir`.
        url: URL from which TensorFlow Datasets downloads it.
        flip: see `Source`.
        crop_padding: see `Source`.
        train: splits of the training images, in this order.
        test: split of the test images.
    """

    name: str
    prepared_as: str
    url: str
    flip: bool
    crop_padding: int
    train: Sequence[str] = ("train",)
    test: str = "test"

    def folder(self, config: Config) -> Optional[pathlib.Path]:
        """Returns the folder of the prepared data, or None; uses no network."""
        return find_prepared(_data_dir(config, self.prepared_as), self.prepared_as)

    def find(self, config: Config) -> None:
        """Checks that the data exist or can be fetched, without TensorFlow.

        Raises:
            UserError: if not; says how to provide the data.
        """
        data_dir = _data_dir(config, self.prepared_as)
        if self.folder(config):
            return
        if class_folders.looks_right(data_dir):
            raise UsageError(
                f"--data_dir={data_dir} has no {self.prepared_as}, but folders of "
                "images.\nAdd --dataset=folder to train on these."
            )
        if answers(self.url):
            return
        host = urllib.parse.urlsplit(self.url).hostname
        raise UserError(
            f"{self.prepared_as} is not in {data_dir} and can't be fetched, because "
            f"{host} does not answer: {_advice(data_dir, self.prepared_as)}."
        )

    def load(self, config: Config) -> Source:
        """Opens the data set, after fetching it if it is missing.

        Args:
            config: settings; `data_dir`, `image_store` and `cache_dir` are used.

        Returns:
            The source, in memory unless it is large (`tfds_images.py`). Images are in
            the order of the prepared files: an id is a row.

        Raises:
            UserError: if the data are missing and can't be fetched, or are damaged.
        """
        self.find(config)
        data_dir = _data_dir(config, self.prepared_as)
        folder = self.folder(config)
        if folder is None:
            _fetch(data_dir, self.prepared_as, self.url)
            folder = self.folder(config)
        if folder is None:
            raise UserError(
                f"TensorFlow Datasets left no {self.prepared_as} in {data_dir}"
            )
        with _quiet():
            try:
                tfds = _tensorflow_datasets()
                from mixdmt_tf.data.classification.tfds_images import open_images

                builder = tfds.builder_from_directory(folder)
                return Source(
                    name=self.name,
                    class_names=tuple(builder.info.features["label"].names),
                    train=open_images(builder, folder, self.train, config),
                    test=open_images(builder, folder, [self.test], config),
                    flip=self.flip,
                    crop_padding=self.crop_padding,
                )
            except (UserError, MemoryError):
                raise
            # Damaged files can raise any exception, depending on where the damage is.
            except Exception as error:
                raise UserError(
                    f"{folder} can't be read as {self.prepared_as}: "
                    f"{_first_line(error)}\n"
                    "Delete that folder to have it fetched again, or copy an intact "
                    "one."
                ) from error


def _data_dir(config: Config, prepared_as: str = "") -> pathlib.Path:
    """Returns the folder of all data sets; for a URL, of the local copy of one."""
    given = config.data_dir or os.environ.get("TFDS_DATA_DIR")
    if given and addresses.is_address(given):
        return expanded(addresses.below(given, prepared_as)).parent
    return expanded(given) if given else in_home("tensorflow_datasets")


def find_prepared(data_dir: pathlib.Path, prepared_as: str) -> Optional[pathlib.Path]:
    """Returns the newest complete version of a data set in `data_dir`, or None.

    TensorFlow Datasets writes to a temporary folder and renames it at the end, so a
    folder `NAME/1.2.3` with its two description files is complete.
    """
    versions = [
        folder
        for folder in data_dir.joinpath(prepared_as).glob("*.*.*")
        if re.fullmatch(r"\d+\.\d+\.\d+", folder.name)
        and folder.joinpath("dataset_info.json").is_file()
        and folder.joinpath("features.json").is_file()
    ]
    return max(
        versions, key=lambda each: [*map(int, each.name.split("."))], default=None
    )


def _fetch(data_dir: pathlib.Path, prepared_as: str, url: str) -> None:
    """Downloads and prepares a data set; errors say how to provide it otherwise."""
    print(f"fetching {prepared_as} from {url} into {data_dir}", file=sys.stderr)
    try:
        with _quiet(), contextlib.redirect_stdout(sys.stderr):
            tfds = _tensorflow_datasets()
            if not sys.stderr.isatty():
                tfds.disable_progress_bar()
            # Its GCS bucket has nothing that is needed here, and requests can be slow.
            tfds.core.utils.gcs_utils._is_gcs_disabled = True
            tfds.builder(prepared_as, data_dir=data_dir).download_and_prepare()
    # Network, disk, archives and TensorFlow Datasets can raise any exception.
    except Exception as error:
        raise UserError(
            f"{prepared_as} is not in {data_dir} and could not be fetched "
            f"({_first_line(error)}): {_advice(data_dir, prepared_as)}."
        ) from error


def _advice(data_dir: pathlib.Path, prepared_as: str) -> str:
    return (
        f"on a machine with a network run `tfds build {prepared_as}` and copy the "
        f"folder ~/tensorflow_datasets/{prepared_as} that it makes to "
        f"{data_dir / prepared_as}, or name the folder that holds it with --data_dir"
    )


def _tensorflow_datasets() -> Any:
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise UserError(
            "this data set needs tensorflow-datasets, which can't be imported: "
            f"{error}\npip install tensorflow-datasets"
        ) from error
    return tensorflow_datasets


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses the progress messages of TensorFlow Datasets."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
