"""The tables of what is known of people's care: gold, and how checks were answered."""
