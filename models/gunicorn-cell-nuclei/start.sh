#!/bin/bash
# What OpenBayes runs where a folder has it: any HTTP server, on port 80.
exec gunicorn --bind "0.0.0.0:${PORT:-80}" --threads 4 --access-logfile - server:app
