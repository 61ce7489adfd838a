"""TensorBoard's pages CUSTOM SCALARS (groups of charts) and HPARAMS (settings).

TensorBoard merges the layouts of several runs into one. For the table of settings it
takes the columns of the first run that it finds, so these are the settings by which
runs are compared.
"""

from __future__ import annotations

from typing import Any, Dict, Sequence

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as layouts
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as sessions

from mixdmt_tf.runs import tags
from mixdmt_tf.settings import Setting, settings_of, to_text

# Settings by which runs are compared; those of the method follow.
COMPARED = (
    *("algorithm", "dataset", "labels", "network", "steps", "batch", "seed"),
    *("learning_rate", "mismatch", "precision"),
)
# Settings that name places and do not affect a run's results.
LEFT_OUT = ("workdir", "data_dir", "cache_dir", "split")
_TYPES = {
    bool: api_pb2.DATA_TYPE_BOOL,
    float: api_pb2.DATA_TYPE_FLOAT64,
    str: api_pb2.DATA_TYPE_STRING,
}
_CHARTS = {
    "scores": {
        "test": f"^{tags.SCORE}/.*, test",
        "validation": f"^{tags.SCORE}/.*, validation",
    },
    "terms of the loss": {"terms of the loss": f"^{tags.LOSS}/"},
    "pseudo labels": {
        "confidence and accuracy": f"^{tags.GUESSES}/(.*confidence|.*accuracy)$",
        "shares and weights": f"^{tags.GUESSES}/(?!.*(confidence|accuracy)$)",
    },
    "rounds": {
        "score": f"^{tags.ROUNDS}/(test|validation)_",
        "accuracy of the pseudo labels": f"^{tags.ROUNDS}/.*accuracy",
        "weights": f"^{tags.ROUNDS}/.*weight",
    },
}


def write_layout() -> None:
    """Writes the page CUSTOM SCALARS with the default summary writer."""
    categories = []
    for title, charts in _CHARTS.items():
        drawn = [
            layout_pb2.Chart(
                title=name, multiline=layout_pb2.MultilineChartContent(tag=[pattern])
            )
            for name, pattern in charts.items()
        ]
        categories.append(layout_pb2.Category(title=title, chart=drawn))
    layout = layout_pb2.Layout(category=categories)
    tf.summary.experimental.write_raw_pb(layouts.pb(layout).SerializeToString(), step=0)


class _Kind(hparams.Domain):
    """The type of a setting, number or text, by which TensorBoard sorts it."""

    def __init__(self, setting: Setting):
        self._setting = setting

    @property
    def dtype(self) -> Any:
        """The type of the values in TensorBoard."""
        if self._setting.optional or self._setting.words:
            return str
        return {"bool": bool, "int": float, "float": float}.get(self._setting.type, str)

    def sample_uniform(self, rng: Any = None) -> Any:
        """Not supported: nothing is sampled from settings."""
        raise NotImplementedError

    def update_hparam_info(self, hparam_info: Any) -> None:
        """Sets the type in TensorBoard's message; called by TensorBoard."""
        hparam_info.type = _TYPES[self.dtype]


def write_settings(configs: Sequence[Any], name: str, measure: str) -> None:
    """Writes the page HPARAMS with the default summary writer.

    Settings of the method are prefixed, as in 'method: lambda_u', since the page sorts
    by name and shows the first settings.

    Args:
        configs: dataclasses of settings; the last one is the method's.
        name: name of the run.
        measure: 'error' or 'mean IoU'.
    """
    values: Dict[str, Any] = {}
    kinds: Dict[str, Setting] = {}
    for config in configs:
        for setting in settings_of(type(config)):
            if setting.name in LEFT_OUT:
                continue
            own = config is configs[-1] and setting.name not in COMPARED
            shown = f"method: {setting.name}" if own else setting.name
            value = getattr(config, setting.name)
            # A column has a single type, so settings with None or words are text.
            text = setting.optional or setting.words
            values[shown] = to_text(value) if text else value
            kinds[shown] = setting
    columns = [each for each in values if each in COMPARED or each.startswith("method")]
    hparams.hparams_config(
        [hparams.HParam(each, _Kind(kinds[each])) for each in columns],
        [
            hparams.Metric(tags.score_tag(measure, images), display_name=words)
            for images, words in {
                "test": f"test {measure}",
                "test_raw": f"test {measure}, raw weights",
                "validation": f"validation {measure}",
            }.items()
        ],
    )
    hparams.hparams(values, trial_id=name)


def write_end() -> None:
    """Marks the run as finished successfully."""
    end = sessions.session_end_pb(api_pb2.STATUS_SUCCESS)
    tf.summary.experimental.write_raw_pb(end.SerializeToString(), step=0)
