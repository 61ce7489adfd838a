"""Every equation once more, written from the paper in slow, plain NumPy loops.

An oracle imports nothing of the package, works in float64, and takes whatever road is
most obviously right. The tests of `mixdmt_tf.equations` compare both on random inputs.
"""
