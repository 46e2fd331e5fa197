"""What people say to alerts: silences, acknowledgements, and the timeline of it all."""
