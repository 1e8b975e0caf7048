"""What a manager sets of the queue, by API."""
