"""Train the sound generator and write assets/ and the held-out recordings.

    python training/train.py             train, print the figures, write the files
    python training/train.py --evaluate  print the figures of the weights that are there
"""
import argparse
import io
import subprocess
import sys
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from hearing import spectrogram, windows
from scipy.signal import lfilter, resample_poly
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from threadpoolctl import threadpool_limits

MODEL = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(MODEL))

from config import MODELS  # noqa: E402
from core.speech import EMPHASIS, FRAMES, ORDER, PARAMETERS, RATE  # noqa: E402
from core.voice import generate, load  # noqa: E402

WEIGHTS = MODEL / 'assets' / 'max-sound-generator.npz'
HELD_OUT = MODEL / 'samples' / 'held-out.npz'
COMPONENTS = 12
WINDOW = RATE // 40

ACCENTS = ['en-gb', 'en-us', 'en-gb-scotland', 'en-gb-x-rp']
# espeak-ng's variants that are meant as people's voices; not its whispers, robots and monsters.
VOICES = ['f1', 'f2', 'f3', 'f4', 'f5', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8', 'Alex', 'Alicia', 'Andrea',
          'Andy', 'Annie', 'Denis', 'Diogo', 'Gene', 'Henrique', 'Hugo', 'Jacky', 'Lee', 'Marco', 'Mario', 'Michael',
          'Mike', 'Nguyen', 'Storm', 'adam', 'antonio', 'belinda', 'benjamin', 'boris', 'caleb', 'david', 'ed',
          'edward', 'gustave', 'iven', 'john', 'linda', 'marcelo', 'max', 'michel', 'miguel', 'norbert', 'pablo',
          'paul', 'pedro', 'quincy', 'rob', 'robert', 'sandro', 'shelby', 'steph', 'travis', 'victor', 'zac']
# Each fifth voice is only for the evaluation.
HELD_OUT_VOICES = VOICES[4::5]
TRAINING_VOICES = [voice for voice in VOICES if voice not in HELD_OUT_VOICES]


def speak(word, accent, voice, pitch, speed):
    """One recording by espeak-ng, without the silence around it."""
    output = subprocess.run(['espeak-ng', '-v', '{}+{}'.format(accent, voice), '-p', str(pitch), '-s', str(speed),
                             '--stdout', word], stdout=subprocess.PIPE, check=True).stdout
    with wave.open(io.BytesIO(output)) as sound:
        rate = sound.getframerate()
    # Written to a pipe, the 44 bytes of header don't have the length: take what there is.
    samples = resample_poly(np.frombuffer(output[44:len(output) // 2 * 2], dtype='<i2') / 32768, RATE, rate)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    samples = samples[loud[0]:loud[-1] + 1]
    return samples / np.abs(samples).max()


def record(voices, accents=tuple(ACCENTS)):
    """[(index of the word, waveform)]: each voice in each accent, at pitches and speeds that vary."""
    orders = [(word, accent, voice, 35 + 10 * ((i + 2 * j) % 4), 140 + 15 * ((2 * i + j) % 4))
              for i, voice in enumerate(voices) for j, accent in enumerate(accents) for word in MODELS]
    with ThreadPoolExecutor(2) as pool:
        sounds = list(pool.map(lambda order: speak(*order), orders))
    return [(MODELS.index(order[0]), sound) for order, sound in zip(orders, sounds, strict=True)]


def autocorrelation(frame):
    spectrum = np.abs(np.fft.rfft(frame, 2 * len(frame))) ** 2
    return np.fft.irfft(spectrum)[:len(frame)]


def log_area_ratios(correlation):
    """Levinson's recursion; the ratios and the power that the filter leaves over."""
    coefficients, power, ratios = np.zeros(0), correlation[0], []
    for i in range(ORDER):
        reflection = -(correlation[i + 1] + coefficients @ correlation[i:0:-1]) / power
        reflection = np.clip(reflection, -0.999, 0.999)
        coefficients = np.append(coefficients + reflection * coefficients[::-1], reflection)
        power *= 1 - reflection ** 2
        ratios.append(2 * np.arctanh(reflection))
    return np.array(ratios), power


def pitch_of(frame):
    """Pitch and how periodic the frame is, 0 to 1."""
    correlation = autocorrelation(frame - frame.mean())
    shortest, longest = RATE // 400, RATE // 60
    # The correlation of fewer and fewer samples: weigh it up again.
    correlation = correlation / (len(frame) - np.arange(len(frame))) * len(frame) / max(correlation[0], 1e-9)
    lag = shortest + int(correlation[shortest:longest].argmax())
    return RATE / lag, float(np.clip(correlation[lag], 0, 1))


def analyse(sound):
    """A recording as the vector that the model is about: the frames of core/speech.py and the log of the duration."""
    emphasised = lfilter([1, -EMPHASIS], [1], sound)
    frames = np.zeros((FRAMES, PARAMETERS))
    shape = np.hanning(WINDOW)
    short_windows, long_windows = windows(emphasised, WINDOW, FRAMES), windows(sound, 2 * WINDOW, FRAMES)
    for i, (short, long) in enumerate(zip(short_windows, long_windows, strict=True)):
        correlation = autocorrelation(short * shape)[:ORDER + 1]
        correlation[0] = correlation[0] * 1.0001 + 1e-7  # a floor of noise, or silence has no solution
        ratios, power = log_area_ratios(correlation)
        pitch, periodic = pitch_of(long)
        frames[i, :ORDER] = ratios
        frames[i, ORDER] = 0.5 * np.log(power / (shape ** 2).sum())
        frames[i, ORDER + 1] = np.log(pitch)
        # Speech of which a third isn't periodic sounds hoarse already.
        frames[i, ORDER + 2] = np.clip((periodic - 0.35) / 0.4, 0, 1)
    # There is no pitch where there is no voice: take the neighbours'.
    voiced = frames[:, ORDER + 2] > 0.5
    pitches = frames[:, ORDER + 1]
    if voiced.any():
        # An octave is 0.69: the pitches that were mistaken for half or double.
        voiced &= np.abs(pitches - np.median(pitches[voiced])) < 0.5
    if voiced.any():
        frames[:, ORDER + 1] = np.interp(np.arange(FRAMES), np.flatnonzero(voiced), pitches[voiced])
    return np.append(frames.reshape(-1), np.log(len(sound) / RATE))


def train():
    recordings = record(TRAINING_VOICES)
    vectors = np.array([analyse(sound) for _, sound in recordings])
    words = np.array([word for word, _ in recordings])
    # Each kind of parameter counts alike.
    scale = vectors[:, :-1].reshape(-1, PARAMETERS).std(axis=0)
    vectors[:, :-1] = (vectors[:, :-1].reshape(-1, FRAMES, PARAMETERS) / scale).reshape(len(vectors), -1)

    means, components = [], []
    for word in range(len(MODELS)):
        of_word = vectors[words == word]
        mean = of_word.mean(axis=0)
        with threadpool_limits(1):  # sums in another order would give other weights
            _, deviations, directions = np.linalg.svd(of_word - mean, full_matrices=False)
        means.append(mean)
        components.append(directions[:COMPONENTS] * deviations[:COMPONENTS, None] / np.sqrt(len(of_word) - 1))
        share = (deviations[:COMPONENTS] ** 2).sum() / (deviations ** 2).sum()
        print('{}: {} recordings, {} components hold {:.0f} % of their variance'.format(
            MODELS[word], len(of_word), COMPONENTS, 100 * share))
    np.savez_compressed(WEIGHTS, mean=np.array(means, dtype=np.float16), scale=scale.astype(np.float32),
                        components=np.array(components, dtype=np.float16))


def write_held_out():
    """One recording of each word by each held-out voice, as what is heard of it: enough to check the weights with."""
    recordings = record(HELD_OUT_VOICES, ACCENTS[:1])
    np.savez_compressed(HELD_OUT, words=np.array([word for word, _ in recordings], dtype=np.uint8),
                        spectrograms=np.array([spectrogram(sound) for _, sound in recordings]).round().astype(np.int8))


def evaluate():
    weights = load(WEIGHTS)
    known, held_out = record(TRAINING_VOICES), record(HELD_OUT_VOICES)
    generated = [(word, generate(weights, word, seed)) for word in range(len(MODELS)) for seed in range(50)]

    def heard(sounds):
        return np.array([spectrogram(sound) for _, sound in sounds]), np.array([word for word, _ in sounds])

    judge = LinearDiscriminantAnalysis(solver='lsqr', shrinkage='auto').fit(*heard(known))
    print('judge: recognises {:.1f} % of {} held-out recordings of voices it never heard'.format(
        100 * judge.score(*heard(held_out)), len(held_out)))
    print('judge: recognises {:.1f} % of {} generated sounds'.format(
        100 * judge.score(*heard(generated)), len(generated)))

    with np.load(HELD_OUT) as shipped:
        right = [shipped['words'][((shipped['spectrograms'] - spectrogram(sound)) ** 2).sum(axis=1).argmin()] == word
                 for word, sound in generated]
        print('nearest of the {} recordings in samples/: of the same word for {:.1f} % of them'.format(
            len(shipped['words']), 100 * np.mean(right)))

    spectra, words = heard(held_out)

    def nearest(sounds, other=False):
        """Root mean square distance to the held-out recording that is nearest: of the same word, or of another."""
        distances = []
        for spectrum, word in zip(*heard(sounds), strict=True):
            candidates = spectra[(words != word) if other else (words == word)]
            distances.append(np.sqrt(((candidates - spectrum) ** 2).mean(axis=1)).min())
        return np.mean(distances)

    print('distance to the nearest held-out recording of the word: training recordings {:.1f} dB, generated {:.1f} dB;'
          ' of another word: training recordings {:.1f} dB, generated {:.1f} dB'.format(
              nearest(known), nearest(generated), nearest(known, other=True), nearest(generated, other=True)))


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--evaluate', action='store_true', help='only evaluate the weights in assets/')
    if not parser.parse_args().evaluate:
        train()
        write_held_out()
    evaluate()
