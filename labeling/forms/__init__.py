"""What the pages take, as forms: a module per noun, as the views have them."""
