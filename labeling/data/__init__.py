"""What comes in and goes out: imports of prompts and rankings, frozen dataset versions, exports of pairs."""
