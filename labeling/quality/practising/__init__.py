"""What people practise on: a project's own items, or a sample; and whether they may rank here by it."""
