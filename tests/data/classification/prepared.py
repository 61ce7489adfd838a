"""Tiny data sets in the layout that TensorFlow Datasets prepares."""

import json

import numpy as np
import tensorflow as tf


def write(folder, splits, shape=(4, 4, 3), shards=1, num_classes=10):
    """Writes a version's folder.

    The images of each split count 0, 1, ... in their pixels, starting at the place of
    the split in `splits` times 100.

    Args:
        folder: NAME/VERSION, made here.
        splits: labels of each split.
        shape: of the images.
        shards: files per split, equally large.
        num_classes: classes, called class0, class1, ...
    """
    folder.mkdir(parents=True)
    infos = []
    for place, (split, labels) in enumerate(splits.items()):
        for shard, rows in enumerate(np.array_split(np.arange(len(labels)), shards)):
            name = f"{folder.parent.name}-{split}.tfrecord-{shard:05}-of-{shards:05}"
            with tf.io.TFRecordWriter(str(folder / name)) as writer:
                for row in rows:
                    image = np.full(shape, 100 * place + row, np.uint8)
                    writer.write(_example(image, labels[row]))
        sizes = [str(len(part)) for part in np.array_split(labels, shards)]
        infos.append({"name": split, "shardLengths": sizes, "numBytes": "1"})
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        infos[-1]["filepathTemplate"] = template
    info = {"name": folder.parent.name, "version": folder.name, "splits": infos}
    info["fileFormat"] = "tfrecord"
    folder.joinpath("dataset_info.json").write_text(json.dumps(info))
    folder.joinpath("features.json").write_text(json.dumps(_features(shape)))
    names = "\n".join(f"class{number}" for number in range(num_classes))
    folder.joinpath("label.labels.txt").write_text(names)


def with_random_access(folder):
    """Writes the files of a version's folder anew, as array_record."""
    from array_record.python import array_record_module

    for path in folder.glob("*.tfrecord-*"):
        to = str(path).replace("tfrecord", "array_record")
        writer = array_record_module.ArrayRecordWriter(to, "group_size:1")
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            writer.write(record)
        writer.close()
        path.unlink()
    place = folder / "dataset_info.json"
    info = {**json.loads(place.read_text()), "fileFormat": "array_record"}
    place.write_text(json.dumps(info))


def _example(image, label):
    png = tf.io.encode_png(image).numpy()
    feature = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[int(label)])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString()


def _features(shape):
    package = "tensorflow_datasets.core.features"
    image = {
        "pythonClassName": f"{package}.image_feature.Image",
        "image": {"dtype": "uint8", "shape": {"dimensions": [str(s) for s in shape]}},
    }
    label = {
        "pythonClassName": f"{package}.class_label_feature.ClassLabel",
        "classLabel": {"numClasses": "10"},
    }
    return {
        "pythonClassName": f"{package}.features_dict.FeaturesDict",
        "featuresDict": {"features": {"image": image, "label": label}},
    }
