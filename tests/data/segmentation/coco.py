"""Small data sets in COCO's form for tests."""

import json

from tests.data.segmentation import files

CATEGORIES = ({"id": 7, "name": "dog"}, {"id": 3, "name": "cat"})


def box(x, y, width, height):
    """The outline of a box, as COCO has it."""
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def thing(image_id, category_id, *polygons, **fields):
    return {
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": [*polygons],
        **fields,
    }


def document(names, annotations=(), categories=CATEGORIES, height=8, width=12):
    """Images are numbered from 1 in their order."""
    images = [
        {"id": number, "file_name": name, "height": height, "width": width}
        for number, name in enumerate(names, start=1)
    ]
    return {
        "images": images,
        "categories": [dict(each) for each in categories],
        "annotations": [*annotations],
    }


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def images(folder, names, height=8, width=12):
    for seed, name in enumerate(names):
        files.save(folder / name, files.photo(height, width, seed))


def everything(names):
    """One dog in each image, and what is below it."""
    return [
        thing(number, 7, box(1, 1, 4 + number, 3))
        for number in range(1, len(names) + 1)
    ]
