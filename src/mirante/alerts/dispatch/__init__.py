"""From alerts that changed to notices that are due: groups with timers, and what holds notices back."""
