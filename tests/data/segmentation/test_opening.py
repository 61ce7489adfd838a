"""Images whose camera notes which side is up, and masks beside them."""

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.segmentation.files import FileSample
from mixdmt_tf.errors import UserError
from tests.data.segmentation import files

# Where, in the stored image, row and column 0 of the one that is seen are taken from:
# table 6 of the EXIF standard, written with NumPy.
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def stored(path, orientation, pixels):
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}
    picture.save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_images_are_as_they_are_seen(tmp_path, ending, orientation):
    pixels = np.kron(files.photo(3, 5), np.ones((8, 8, 1), np.uint8))
    path = stored(tmp_path / f"a.{ending}", orientation, pixels)
    seen = TURNS[orientation](pixels)
    sample = FileSample("a", image_path=path)
    assert sample.size() == seen.shape[:2]
    difference = sample.image().astype(int) - seen
    assert sample.image().shape == seen.shape
    assert np.abs(difference).mean() < 8


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_notes_that_make_no_sense_turn_nothing(tmp_path, orientation):
    path = stored(tmp_path / "a.jpg", orientation, files.photo(8, 16))
    assert FileSample("a", image_path=path).image().shape == (8, 16, 3)


def test_a_mask_of_the_image_as_it_is_stored_is_refused(tmp_path):
    """Nobody could tell of images that stand on their head, so nothing is guessed."""
    image = stored(tmp_path / "a.jpg", 6, files.photo(8, 16))
    mask = files.save(tmp_path / "m.png", files.numbers(8, 16))
    sample = FileSample("a", image_path=image, mask_path=mask)
    with pytest.raises(UserError, match="m.png: 16 x 8; its image is 8 x 16 after it"):
        sample.labels()
    files.save(mask, files.numbers(9, 16))
    with pytest.raises(UserError, match="m.png: 16 x 9; its image is 8 x 16$"):
        sample.labels()
    files.save(mask, files.numbers(16, 8))
    np.testing.assert_array_equal(sample.labels(), files.numbers(16, 8))


def test_photographs_with_a_second_image(tmp_path):
    """The files of many phones: JPEG to everybody, MPO to Pillow."""
    exif = Image.Exif()
    exif[0x0112] = 6
    first, second = (Image.fromarray(files.photo(8, 16, seed)) for seed in (0, 1))
    path = tmp_path / "a.jpg"
    first.save(path, "MPO", save_all=True, append_images=[second], exif=exif)
    with Image.open(path) as picture:
        assert picture.format == "MPO"
    sample = FileSample("a", image_path=path)
    assert sample.size() == sample.image().shape[:2] == (16, 8)
