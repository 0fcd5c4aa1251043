"""From frames of speech parameters to sound: a source of pulses and noise through an all-pole filter.

A word is FRAMES frames, evenly spread over its duration, with these parameters in each: ORDER log-area ratios of the
vocal tract's filter, the logarithm of its gain, the logarithm of the pitch, and the voicing. Log-area ratios because
any real numbers make a stable filter, so that a sampled word can't blow up.
"""
import numpy as np

RATE = 16000
FRAMES = 40
ORDER = 18
PARAMETERS = ORDER + 3
EMPHASIS = 0.97
# Samples for which the filter stays the same.
STEP = 80


def to_filter(ratios):
    """Predictor coefficients from log-area ratios (Levinson's recursion, backwards)."""
    coefficients = np.zeros(0)
    for reflection in np.tanh(ratios / 2):
        coefficients = np.append(coefficients + reflection * coefficients[::-1], reflection)
    return coefficients


def excite(pitch, voicing, random):
    """Pulses at the pitch and noise, mixed by the voicing; power 1 whatever the mix."""
    cycles = np.cumsum(pitch / RATE)
    pulses = np.diff(np.floor(np.concatenate([[0.0], cycles])))
    pulses = pulses * np.sqrt(RATE / pitch)
    return np.sqrt(voicing) * pulses + np.sqrt(1 - voicing) * random.standard_normal(len(pitch))


def synthesise(frames, seconds, random):
    """A waveform, -1 to 1."""
    length = int(seconds * RATE) // STEP * STEP
    at = np.linspace(0, FRAMES - 1, length)
    every = np.arange(FRAMES)
    pitch = np.exp(np.interp(at, every, frames[:, ORDER + 1]))
    voicing = np.clip(np.interp(at, every, frames[:, ORDER + 2]), 0, 1)
    gain = np.exp(np.interp(at, every, frames[:, ORDER]))
    source = gain * excite(pitch, voicing, random)

    wave = np.zeros(ORDER + length)
    for start in range(0, length, STEP):
        ratios = [np.interp(at[start], every, frames[:, i]) for i in range(ORDER)]
        # Turned round, so that it lies beside the latest samples in the order they have in the array.
        backwards = to_filter(np.array(ratios))[::-1]
        for i in range(start, start + STEP):
            wave[ORDER + i] = source[i] - backwards.dot(wave[i:ORDER + i])
    wave = wave[ORDER:]
    for i in range(1, length):
        wave[i] += EMPHASIS * wave[i - 1]
    # A few milliseconds of fading, or the ends click.
    edge = np.minimum(1, np.arange(length) / 100.0)
    wave = wave * edge * edge[::-1]
    return wave * (0.9 / max(np.abs(wave).max(), 1e-9))
