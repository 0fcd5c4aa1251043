"""
Tells which handwritten digit a picture shows, and why: by the pictures that it knows and that are most like it.
"""
import os

import numpy as np
from digit_pictures import PictureError, draw_sheet, read_grid


class UserError(Exception):
    """UbiOps shows the caller the attribute public_error_message of an exception."""

    def __init__(self, message):
        super().__init__(message)
        self.public_error_message = message


class Deployment:

    def __init__(self, base_directory, context):
        print('Initialising {} {}'.format(context['deployment'], context['version']))
        with np.load(os.path.join(base_directory, 'neighbours.npz')) as model:
            self.metric = model['metric'].astype(np.float64)
            self.grids = model['grids'].astype(np.float64) / 255
            self.labels = model['labels']
        self.places = self.grids @ self.metric

    def request(self, data):
        count, zoom = data['neighbours'], data['zoom']
        if not 1 <= count <= 25:
            raise UserError('neighbours must be from 1 to 25, not {}'.format(count))
        if not 0.25 <= zoom <= 4:
            raise UserError('zoom must be from 0.25 to 4, not {}'.format(zoom))
        try:
            grid = read_grid(data['image'])
        except PictureError as e:
            raise UserError(str(e)) from e

        distances = np.linalg.norm(self.places - grid @ self.metric, axis=1)
        nearest = np.argsort(distances, kind='stable')[:count]
        labels = [int(label) for label in self.labels[nearest]]
        votes = {str(label): labels.count(label) for label in sorted(set(labels))}
        # The nearest has the casting vote.
        digit = max(labels, key=lambda label: (votes[str(label)], -labels.index(label)))

        draw_sheet(grid, self.grids[nearest], labels, zoom).save('sheet.png')
        return {
            'digit': digit,
            'share': votes[str(digit)] / count,
            'votes': votes,
            'distances': [round(float(distance), 4) for distance in distances[nearest]],
            'sheet': 'sheet.png',
        }
