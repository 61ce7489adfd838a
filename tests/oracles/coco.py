"""COCO's regions, pixel by pixel: https://github.com/cocodataset/cocoapi."""


def inside(corners, x, y):
    """Even-odd rule: crossings of the ray that goes up from (x, y)."""
    crossings = 0
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1]):
        if min(x1, x2) <= x < max(x1, x2):
            crossings += y1 + (x - x1) * (y2 - y1) / (x2 - x1) <= y
    return crossings % 2 == 1


def polygon(corners, height, width):
    """The pixels whose centres lie inside."""
    return [
        [inside(corners, column + 0.5, row + 0.5) for column in range(width)]
        for row in range(height)
    ]


def runs(mask):
    """Lengths of runs, column by column, the first of pixels outside."""
    flat = [row[column] for column in range(len(mask[0])) for row in mask]
    lengths, value = [0], False
    for each in flat:
        if bool(each) != value:
            lengths.append(0)
            value = not value
        lengths[-1] += 1
    return lengths


def packed(lengths):
    """The same as text, as `rleToString` of COCO's maskApi.c writes it."""
    text = ""
    for place, length in enumerate(lengths):
        left = length - lengths[place - 2] if place > 2 else length
        more = True
        while more:
            bits = left & 31
            left >>= 5
            more = left != -1 if bits & 16 else left != 0
            text += chr(48 + (bits | 32 if more else bits))
    return text
