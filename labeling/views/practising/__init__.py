"""Pages on which people practise: a project's own items, or the sample."""
