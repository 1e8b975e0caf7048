"""How each language writes dates and numbers, where Django has it otherwise than we want."""
