"""What an export can hold, a module for what belongs together: rows in the layouts that libraries read."""
