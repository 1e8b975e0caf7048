"""Fine-tuning: the loss over all comparisons of a batch, optimizer, checkpoints, several processes."""
