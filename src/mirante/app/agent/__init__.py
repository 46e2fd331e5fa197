"""The agent: reads another host, counts windows of models that serve there, sends both to a service."""
