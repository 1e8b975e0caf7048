"""What reviewers look at: cases of prompts, what they may do about them, and what is sent back to a labeler."""
