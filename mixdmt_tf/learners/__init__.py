"""Methods as Keras people use them: `mixdmt_tf.RealMix(network, num_classes=10)`.

A `learner.Learner` is a `keras.Model` around somebody's own network: `fit` takes arrays
or `tf.data` sets of labelled and of unlabelled images and makes of them the batches
that the method wants, with the pipelines of the command line.
"""
