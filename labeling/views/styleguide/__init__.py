"""The page that shows every part of the interface, and the colours that it is made of."""
