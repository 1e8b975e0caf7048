"""Finished files: dataset versions and models, in a folder or a bucket."""
