"""Programs that measure what the project promises; none of them is part of the package."""
