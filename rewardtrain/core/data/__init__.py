"""Rows, what people said of them, and how both become batches of token ids."""
