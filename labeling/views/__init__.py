"""The pages: one module per noun. A view fetches through labeling.access and makes one call inwards."""
