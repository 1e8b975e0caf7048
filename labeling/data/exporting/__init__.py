"""Exports: what people said, in the layouts that trainers read, streamed."""
