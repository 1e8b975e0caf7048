"""Finished models behind HTTP: who asks at the same time is answered by the same batches."""
