"""Who gets which prompt: slots hold the overlap, a lease holds a prompt for one labeler, a claim takes the next."""
