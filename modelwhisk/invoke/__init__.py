"""One call of a model on the command line: `requests` says what is sent, `output` what becomes of the answer."""
