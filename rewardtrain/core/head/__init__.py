"""A head on the cached features of a frozen backbone: fitted in seconds, and an ensemble of them."""
