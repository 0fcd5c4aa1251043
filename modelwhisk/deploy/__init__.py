"""Putting models on an OpenWhisk and looking after them there: deploy, list, status, url, logs, delete."""
