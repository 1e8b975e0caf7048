"""How far people agree, and how a labeler learns what a good ranking is. Reads answers, never the other way."""
