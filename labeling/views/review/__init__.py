"""The pages of a review: the queue, a case with its acts, the board of a decision."""
