"""What the service has done, for people: read from its own database, or from a Prometheus where one is named."""
