"""A Hugging Face hub, or one of its kind: what is sent there and fetched from there. No token is kept or said."""
