"""The Keras interface of the methods: `mixdmt_tf.RealMix(network, num_classes=10)`.

A `learner.Learner` is a `keras.Model` that wraps the user's own network. Its `fit`
takes arrays or `tf.data` sets of labelled and unlabelled images, and builds the batches
that the method needs with the same pipelines as the command line.
"""
