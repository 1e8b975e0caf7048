"""The pages: one module per noun. A view fetches through labeling.people.access and makes one call inwards."""
