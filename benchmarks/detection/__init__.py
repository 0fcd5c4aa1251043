"""What drift detection detects: real inputs, shifts of them, our distance and what others use, in one table."""
