"""What is done for every request, before and around the views: limits, turns, the language, JSON to the letter."""
