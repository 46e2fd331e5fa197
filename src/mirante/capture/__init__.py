"""Taking predictions out of a serving process without slowing it."""
