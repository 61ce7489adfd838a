"""Oracles of CutMix for segmentation (French et al. 2020, arXiv:1906.01916)."""

import math

import numpy as np


def box_mask(uniforms, height, width, area):
    """Fill one box after the other; list the places where it fits and pick one."""
    uniforms = np.asarray(uniforms, np.float64)
    masks = np.zeros([*uniforms.shape[:-1], height, width])
    for i in np.ndindex(*uniforms.shape[:-1]):
        shape, down, right = uniforms[i]
        tall = math.exp(shape * math.log(area))
        rows, columns = round(tall * height), round(area / tall * width)
        tops = range(height - rows + 1)
        lefts = range(width - columns + 1)
        top, left = tops[int(down * len(tops))], lefts[int(right * len(lefts))]
        masks[i][top : top + rows, left : left + columns] = 1
    return masks


def paste(mask, inside, outside):
    """Choose pixel by pixel."""
    pasted = np.array(outside)
    for i in np.ndindex(*np.shape(mask)):
        if mask[i]:
            pasted[i] = inside[i]
    return pasted
