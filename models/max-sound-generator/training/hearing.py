"""What is heard of a word: its power in mel bands over its duration. Only numpy, so that the tests can use it too."""
import numpy as np

RATE = 16000
MEL_BANDS = 24
TIMES = 24
WINDOW = 512


def windows(sound, length, count):
    """So many pieces of that length, spread evenly over the sound."""
    starts = np.linspace(0, max(0, len(sound) - length), count).astype(int)
    sound = np.pad(sound, (0, max(0, length - len(sound))), mode='constant')
    return np.array([sound[start:start + length] for start in starts])


def spectrogram(sound):
    """Decibels below the loudest band, 0 to -60; the same number of times for a long word and a short one."""
    power = np.abs(np.fft.rfft(windows(sound, WINDOW, TIMES) * np.hanning(WINDOW))) ** 2
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 7600 / 700), MEL_BANDS + 2) / 2595) - 1)
    frequency = np.fft.rfftfreq(WINDOW, 1 / RATE)
    bank = np.array([np.interp(frequency, edges[i:i + 3], [0, 1, 0]) for i in range(MEL_BANDS)])
    decibels = 10 * np.log10(power @ bank.T + 1e-4)
    return (decibels - decibels.max()).clip(-60).reshape(-1)
