"""Stand-ins for things outside: real servers on loopback that behave as documented, or worse."""
