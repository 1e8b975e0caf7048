"""Cases of reviews and the trail of each."""
