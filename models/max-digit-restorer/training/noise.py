"""Clean pictures of digits, and the damage that the model learns to undo."""
import numpy as np
from PIL import Image

SIDE = 128


def render(digit, side=96, left=16, top=16):
    """One of scikit-learn's 8x8 grids (0 to 16, ink) in black on a white picture, as a grey array."""
    ink = Image.fromarray((255 - digit * (255 / 16)).round().astype(np.uint8))
    image = Image.new('L', (SIDE, SIDE), 255)
    image.paste(ink.resize((side, side), Image.BICUBIC), (left, top))
    return np.asarray(image, dtype=np.float32)


def damage(grey, random):
    """Grain, specks and blots, each as strong as chance has it."""
    grain = int(random.choice([1, 2, 4, 8]))
    small = random.normal(0, random.uniform(20, 90), (SIDE // grain, SIDE // grain)).astype(np.float32)
    noisy = grey + np.kron(small, np.ones((grain, grain), dtype=np.float32))

    speck = int(random.choice([2, 4, 8]))
    size = (SIDE // speck, SIDE // speck)
    hit = np.kron(random.random(size) < random.uniform(0, 0.15), np.ones((speck, speck))) > 0
    colour = np.kron(random.choice([0.0, 255.0], size), np.ones((speck, speck)))
    noisy = np.where(hit, colour, noisy)

    for _ in range(int(random.integers(0, 3))):  # white: a stroke that was rubbed out
        height, width = random.integers(6, 22, 2)
        top, left = random.integers(0, SIDE - 22, 2)
        noisy[top:top + height, left:left + width] = random.choice([0.0, 255.0], p=[0.3, 0.7])
    return np.clip(noisy, 0, 255).astype(np.float32)
