"""Files: how bytes become plain records, whatever they are packed in."""
