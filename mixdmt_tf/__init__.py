"""mixdmt_tf: semi-supervised image learning in Keras, RealMix and DMT first of all.

Importing the package imports nothing else, so that a command line answers at once;
import the layer that you need: `equations`, `models`, `data`, `algorithms`,
`experiments`.
"""

__version__ = "0.1.0"
