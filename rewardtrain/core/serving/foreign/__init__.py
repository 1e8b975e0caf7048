"""Another server that holds a champion's exported folder, and is asked for its logits where they agree with ours."""
