"""Our own way to read pictures of digits and to draw them, shared by training and service."""
from .drawing import draw_sheet
from .reading import PictureError, grid_of, read_grid

__all__ = ['PictureError', 'draw_sheet', 'grid_of', 'read_grid']
