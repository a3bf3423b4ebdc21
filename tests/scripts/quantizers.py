"""How weights become codes, in numpy: what tests compare the program's quantizers with."""

import math

import numpy as np


class Groups:
    """Symmetric integers of `most` and below, with a scale for so many elements of a row (0: all)."""

    def __init__(self, most, group=0, scale=np.float64):
        self.most, self.group, self.type = most, group, scale

    def rounded(self, x, scale):
        return np.clip(np.round(x / scale), -self.most, self.most) * scale

    def stored(self, scale):
        scale = scale.astype(self.type).astype(np.float64)
        return np.where(scale == 0, 1, scale)

    def best_scale(self, x, weights=None):
        """Of the largest times 0.3, 0.325, ... 1.2 and 1 the least squares, for each row of x; without
        weights: the largest."""
        largest = np.abs(x).max(axis=1, keepdims=True)
        best = self.stored(largest / self.most)
        if weights is None:
            return best
        error = (weights * np.square(x - self.rounded(x, best))).sum(axis=1, keepdims=True)
        for part in range(12, 49):
            scale = self.stored(largest * part / 40 / self.most)
            other = (weights * np.square(x - self.rounded(x, scale))).sum(axis=1, keepdims=True)
            best = np.where(other < error, scale, best)
            error = np.minimum(other, error)
        return best

    def starts(self, k):
        return range(0, k, self.group or k)

    def quantized(self, x, weights=None):
        """Weights of each input: the mean of its squares; 1: clipping by squared error."""
        result = np.empty_like(x)
        for start in self.starts(x.shape[1]):
            part = slice(start, start + (self.group or x.shape[1]))
            of_part = None if weights is None else np.broadcast_to(weights, x.shape[1:])[part]
            result[:, part] = self.rounded(x[:, part], self.best_scale(x[:, part], of_part))
        return result

    def gptq(self, weights, moments):
        """Frantar et al., algorithm 1; scales weighted by the conditional variances."""
        k = weights.shape[1]
        damped = moments + 0.01 * np.trace(moments) / k * np.eye(k)
        factor = np.linalg.cholesky(np.linalg.inv(damped)).T
        x, result, scale = weights.copy(), np.empty_like(weights), None
        for i in range(k):
            if i in self.starts(k):
                part = slice(i, i + (self.group or k))
                scale = self.best_scale(x[:, part], 1 / np.square(np.diag(factor))[part])
            result[:, i] = self.rounded(x[:, i:i + 1], scale)[:, 0]
            x[:, i:] -= np.outer((x[:, i] - result[:, i]) / factor[i, i], factor[i, i:])
        return result

    def awq(self, moments, mean, weights):
        """Lin et al.: what inputs are multiplied by, of the power of their mean magnitude whose rounding
        errors show least in the outputs."""
        def errors(power):
            s = np.maximum(mean ** power, 1e-4)
            t = (math.sqrt(s.min() * s.max()) / s).astype(np.float32)
            e = self.quantized(weights / t) * t - weights
            return ((e @ moments) * e).sum(), t
        return min((errors(i / 20) for i in range(20)), key=lambda found: found[0])[1]


def smooth(inputs, weights, strength):
    """Xiao et al."""
    most = [np.abs(m).max(axis=0) for m in (weights, inputs)]
    return (most[0] ** (1 - strength) / most[1] ** strength).astype(np.float32)


def hadamard(k):
    """Blocks of the largest power of two that divides k, by Sylvester's doubling."""
    block = np.array([[1.0]])
    while k % (2 * len(block)) == 0:
        block = np.block([[block, block], [block, -block]])
    return np.kron(np.eye(k // len(block)), block / math.sqrt(len(block)))


def entropy_clips(counts, steps):
    """TensorRT's calibration (Migacz 2017), for each row of counts of magnitudes: of how many bins the
    distribution, what is beyond in the last one, is least far in KL from that of `steps` equal parts,
    each spread over its bins with values. The bin at zero counts as the next, an empty part as 1e-4."""
    counts = counts.astype(np.float64)
    counts[:, 0] = counts[:, 1]
    best, least = np.zeros(len(counts)), np.full(len(counts), np.inf)
    for bins in range(steps, counts.shape[1] + 1):
        p = counts[:, :bins].copy()
        p[:, -1] += counts[:, bins:].sum(axis=1)
        edges = np.arange(steps + 1) * bins // steps
        sums = np.add.reduceat(counts[:, :bins], edges[:-1], axis=1)
        parts = np.maximum(sums, 1e-4) / np.maximum(np.add.reduceat(p > 0, edges[:-1], axis=1, dtype=int), 1)
        q = np.repeat(parts, np.diff(edges), axis=1)
        p, q = p / p.sum(axis=1, keepdims=True), q / sums.sum(axis=1, keepdims=True)
        kl = (p * np.log(np.where(p > 0, p, 1) / q)).sum(axis=1)
        best, least = np.where(kl < least, bins, best), np.minimum(kl, least)
    return best
