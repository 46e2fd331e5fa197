"""The service: settings, the objects built from them, and the loop that runs them."""
