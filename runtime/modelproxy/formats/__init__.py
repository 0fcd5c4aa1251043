"""The formats that hosts read and write in place of their platforms: each pure, bytes ↔ plain values."""
