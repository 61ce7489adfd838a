"""What is said of a folder before anybody trains on it."""

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.segmentation import inspection, listing
from mixdmt_tf.data.segmentation.colours import read_colours
from mixdmt_tf.errors import UserError
from tests.data.segmentation import coco, files
from tests.data.segmentation.test_label_maps import raw_png

COLOURS = np.full((256, 3), 255, np.uint8)
COLOURS[:3] = [[0, 0, 0], [10, 200, 30], [200, 10, 30]]


def put(root, names, coloured=False, side=16):
    """Masks of areas that are four pixels wide."""
    for name in names:
        seed = sum(map(ord, name))
        files.save(root / "images" / f"{name}.png", files.photo(side, side, seed))
        numbers = np.kron(files.numbers(side // 4, side // 4, 3, seed), np.ones((4, 4)))
        numbers = numbers.astype(np.uint8)
        mask = COLOURS[numbers] if coloured else numbers
        files.save(root / "masks" / f"{name}.png", mask)


def inspect(root, **options):
    report = inspection.inspect(root, **options)
    return report, "\n".join(report.lines)


def after(report, beginning):
    """The lines that belong to the one that begins so."""
    place = next(i for i, x in enumerate(report.lines) if x.startswith(beginning))
    found = []
    for line in report.lines[place + 1 :]:
        if not line.startswith("  "):
            break
        found.append(line.strip())
    return found


def test_a_sound_folder(tmp_path):
    put(tmp_path, ["a", "b"])
    put(tmp_path / "val", ["v"])
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    seen = []
    report, text = inspect(tmp_path, progress=lambda *counts: seen.append(counts))
    assert report.usable and report.colours == ""
    assert report.lines[:5] == (
        f"{tmp_path}: --dataset=mask_folder",
        "train: 2 images, 2 of them with labels",
        "validation: 1 images, 1 of them with labels",
        "width x height: 16 x 16 (3)",
        "masks: 3 grey",
    )
    masks = [np.asarray(Image.open(p)) for p in tmp_path.rglob("masks/*.png")]
    pixels = np.concatenate(masks).ravel()
    shares = after(report, "classes")
    assert len(shares) == 4
    for line, number, name in zip(shares, (0, 1, 2, 255), ("sky", "road", "car")):
        share = 100 * (pixels == number).mean()
        images = sum((mask == number).any() for mask in masks)
        assert line.split() == [
            *(str(number), name, f"{share:.2f}", "%,", "in", str(images), "images")
        ]
    assert seen == [(3, 3)]


def test_everything_that_may_be_wrong(tmp_path):
    put(tmp_path, ["a", "b", "c", "d", "e"])
    put(tmp_path / "val", ["v"])
    put(tmp_path / "test", ["t"])
    (tmp_path / "classes.txt").write_text("sky\nroad\n")  # masks have three
    (tmp_path / "images/a.png").write_bytes(b"")
    files.save(tmp_path / "masks/b.png", files.numbers(8, 16, 2))
    (tmp_path / "images/c.png").unlink()
    (tmp_path / "masks/d.png").unlink()
    (tmp_path / "test/masks/t.png").unlink()
    (tmp_path / "val/images/v.png").write_bytes(
        (tmp_path / "images/d.png").read_bytes()
    )
    copy = Image.open(tmp_path / "images/e.png")
    copy.save(tmp_path / "images/f.bmp")  # other bytes, the same pixels
    (tmp_path / "images/notes.txt").write_text("x")
    report, text = inspect(tmp_path)
    assert not report.usable
    assert "warning: masks have numbers that no class has: 2" in report.lines
    bad = after(report, "warning: files that can't be used: 2")
    assert "images/a.png: not a PNG" in bad[0]
    assert "masks/b.png: 16 x 8; its image is 16 x 16" in bad[1]
    alone = after(report, "warning: masks without an image: 1")
    assert alone == [str(tmp_path / "masks/c.png")]
    assert after(report, "train images without labels (unlabelled): 2") == ["d", "f"]
    assert after(report, "warning: test images without labels: 1") == ["t"]
    across = after(report, "warning: the same image in several parts: 1")
    assert across == ["train/d = validation/v"]
    both = after(report, "the same image with labels and without: 1")
    assert both == ["train/e = train/f"]
    assert "twice in a part" not in text
    assert "1 files are not PNG, JPEG or BMP, such as notes.txt" in text


def test_a_mask_that_was_saved_as_jpeg_is_named_once(tmp_path):
    put(tmp_path, ["a", "b"])
    mask = tmp_path / "masks" / "b.png"
    mask.rename(mask.with_suffix(".jpg"))
    Image.open(mask.with_suffix(".jpg")).save(mask.with_suffix(".jpg"), "JPEG")
    report, _ = inspect(tmp_path)
    (bad,) = after(report, "warning: files that can't be used: 1")
    assert bad.startswith(f"{mask.with_suffix('.jpg')}: JPEG, which changes numbers")


def test_equal_images_that_all_have_labels_or_none(tmp_path):
    put(tmp_path, ["a", "b", "c", "d", "e"])
    for name, copied in ("ab", "cd"):
        content = (tmp_path / f"images/{name}.png").read_bytes()
        (tmp_path / f"images/{copied}.png").write_bytes(content)
    for name in "cd":
        (tmp_path / f"masks/{name}.png").unlink()
    report, text = inspect(tmp_path)
    assert report.usable and "labels and without" not in text
    same = after(report, "the same image twice in a part: 2")
    assert same == ["train/a = train/b", "train/c = train/d"]


def test_images_that_are_turned_are_named(tmp_path):
    put(tmp_path, ["a", "b"])
    exif = Image.Exif()
    exif[0x0112] = 3
    picture = Image.open(tmp_path / "images/b.png")
    picture.save(tmp_path / "images/b.png", exif=exif)
    report, _ = inspect(tmp_path)
    assert after(report, "images that their EXIF turns") == ["b"]


def test_colours_without_a_file_are_proposed(tmp_path):
    """Smoothed edges are no classes; the file is what training then takes."""
    put(tmp_path, ["a", "b", "c"], coloured=True)
    smooth = Image.open(tmp_path / "masks/a.png").resize((48, 48), Image.BILINEAR)
    smooth.save(tmp_path / "masks/a.png")
    files.save(tmp_path / "images/a.png", files.photo(48, 48))
    report, text = inspect(tmp_path)
    assert not report.usable
    assert "there is no colours.txt in" in text and "; 4 fill areas: #" in text
    (tmp_path / "colours.txt").write_text(report.colours)
    palette = read_colours(tmp_path / "colours.txt")
    assert palette.class_names == ("class 0", "class 1", "class 2", "class 3")
    assert {*palette.classes} == {0x000000, 0x0AC81E, 0xC80A1E, 0xFFFFFF}
    assert "smoothed edges? --unknown_colour=ignore" in report.colours
    again, text = inspect(tmp_path)
    assert again.colours == "" and not again.usable
    assert "colours that colours.txt lacks" in text
    sharp = Image.open(tmp_path / "masks/b.png").resize((48, 48), Image.NEAREST)
    sharp.save(tmp_path / "masks/a.png")
    again, text = inspect(tmp_path)
    assert again.usable and "class 3" in text


def test_what_is_transparent_is_proposed_as_no_colour(tmp_path):
    mask = np.zeros((16, 16, 4), np.uint8)
    mask[:8], mask[12:] = (200, 0, 0, 255), (0, 200, 0, 255)
    for name in "ab":
        files.save(tmp_path / "images" / f"{name}.png", files.photo(16, 16))
        files.save(tmp_path / "masks" / f"{name}.png", mask)
    report, _ = inspect(tmp_path)
    assert "25.00 % of pixels, in 2 masks, are\n# transparent" in report.colours
    (tmp_path / "colours.txt").write_text(report.colours)
    palette = read_colours(tmp_path / "colours.txt")
    assert {*palette.classes} == {0xC80000, 0x00C800}


def test_names_of_cvat_are_taken(tmp_path):
    put(tmp_path, ["a", "b"], coloured=True)
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nroad:10,200,30::\nsky:0,0,0::\n"
        "car:200,10,30::\nbroken\nodd:1,2::\nrare:9,9,9::\nignored:255,255,255::\n"
    )
    report, _ = inspect(tmp_path)
    (tmp_path / "colours.txt").write_text(report.colours)
    palette = read_colours(tmp_path / "colours.txt")
    assert sorted(palette.class_names) == ["car", "road", "sky"]
    assert palette.classes[0xFFFFFF] == 255 and palette.classes[0] != 255


@pytest.mark.parametrize("greys", [(0, 255), (0, 85, 170), (0, 100, 200, 255)])
def test_greys_for_people_are_colours(tmp_path, greys):
    for name in "ab":
        files.save(tmp_path / "images" / f"{name}.png", files.photo(16, 16))
        mask = np.resize(np.array(greys, np.uint8).repeat(4), (16, 16))
        files.save(tmp_path / "masks" / f"{name}.png", mask)
    report, _ = inspect(tmp_path)
    (tmp_path / "colours.txt").write_text(report.colours)
    found = read_colours(tmp_path / "colours.txt").classes
    assert {*found} == {grey * 0x010101 for grey in greys}
    assert inspect(tmp_path)[0].usable


def test_numbers_of_four_bits_are_no_greys(tmp_path):
    """As such, 0 and 15 are black and white: not the numbers, which are read."""
    for number in range(2):
        files.save(tmp_path / f"images/{number}.png", files.photo(16, 16, number))
        path = tmp_path / f"masks/{number}.png"
        path.parent.mkdir(exist_ok=True)
        raw_png(path, np.array([0, 7, 15, 0]).repeat(64).reshape(16, 16).tolist(), 4)
    found = inspection.inspect(tmp_path)
    assert found.colours == ""
    assert any("grey, 2 or 4 bits" in line for line in found.lines)


def test_the_sheet_shows_images_beside_their_masks(tmp_path):
    names = [f"{number:02}" for number in range(30)]
    put(tmp_path, names, side=160)
    report, _ = inspect(tmp_path)
    sheet = np.asarray(report.sheet)
    assert report.sheet.size[0] < 2000 and report.sheet.mode == "RGB"
    np.testing.assert_array_equal(
        sheet[6:166, 6:166], np.asarray(Image.open(tmp_path / "images/00.png"))
    )
    numbers = np.asarray(Image.open(tmp_path / "masks/00.png"))
    from_voc = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]])
    for number in range(3):
        there = sheet[6:166, 168:328][numbers == number]
        assert (there == from_voc[number]).all()
    assert (sheet[6:166, 168:328][numbers == 255] == 255).all()


def test_other_layouts(tmp_path):
    voc = files.voc(tmp_path / "x" / "VOCdevkit" / "VOC2012")
    report, text = inspect(tmp_path / "x")
    assert "--dataset=voc" in report.lines[0] and report.usable
    assert "train: 3 images, 3 of them with labels" in text
    for name in "abcv":
        files.save(voc / f"SegmentationClass/{name}.png", COLOURS[files.numbers()])
    report, _ = inspect(tmp_path / "x")
    assert not report.usable and report.colours
    names = ["a.png", "b.png", "c.png"]
    things = [coco.thing(i, 7, coco.box(1, 1, 4, 3)) for i in (1, 2)]
    coco.write(tmp_path / "c" / "train.json", coco.document(names, things))
    coco.images(tmp_path / "c" / "images", names)
    report, text = inspect(tmp_path / "c")
    assert "--dataset=coco" in report.lines[0] and report.usable
    assert "2 dog 12.50 %, in 2 images" in " ".join(text.split())
    assert "train images without labels (unlabelled): 1" in text
    assert report.sheet is not None


def test_folders_that_are_none(tmp_path):
    assert listing.layout(tmp_path) == ""
    assert listing.layout(tmp_path / "nowhere") == ""
    with pytest.raises(UserError, match="has no images with masks; expected images/"):
        inspect(tmp_path)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    report, text = inspect(tmp_path)
    assert not report.usable and report.sheet is None
    assert "warning: no training image has labels" in text


def test_folders_for_classification_are_none_of_ours(tmp_path):
    """Even if some JSON lies in them."""
    (tmp_path / "notes.json").write_text("{}")
    assert listing.layout(tmp_path) == "coco"
    (tmp_path / "train" / "cats").mkdir(parents=True)
    assert listing.layout(tmp_path) == ""
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.json").write_text("{}")
    assert listing.layout(tmp_path) == ""
    (tmp_path / "annotations" / "instances_train.json").write_text("{}")
    assert listing.layout(tmp_path) == "coco"


@pytest.mark.parametrize(
    "name", ["annotations/a.json", "a.json", "valid/_annotations.coco.json"]
)
def test_json_beside_images_without_classes(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{}")
    assert listing.layout(tmp_path) == "coco"
