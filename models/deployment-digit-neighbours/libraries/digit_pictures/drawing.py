import numpy as np
from PIL import Image, ImageDraw

TILE = 64
MARGIN = 6
CAPTION = 16


def draw_sheet(grid, neighbours, labels, zoom):
    """What was asked for, and beside it the pictures that are most like it, with what they show."""
    tiles = [grid, *neighbours]
    captions = ['?', *map(str, labels)]
    step = TILE + MARGIN
    sheet = Image.new('RGB', (MARGIN + step * len(tiles), MARGIN * 2 + TILE + CAPTION), 'white')
    draw = ImageDraw.Draw(sheet)
    for at, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        left = MARGIN + at * step
        ink = Image.fromarray((255 - 255 * tile.reshape(8, 8)).round().astype(np.uint8))
        sheet.paste(ink.resize((TILE, TILE), Image.NEAREST), (left, MARGIN))
        colour = 'firebrick' if at == 0 else 'darkgrey'
        draw.rectangle((left - 1, MARGIN - 1, left + TILE, MARGIN + TILE), outline=colour)
        draw.text((left + TILE // 2 - 3, MARGIN + TILE + 3), caption, fill='black')
    return sheet.resize((round(sheet.width * zoom), round(sheet.height * zoom)), Image.NEAREST)
