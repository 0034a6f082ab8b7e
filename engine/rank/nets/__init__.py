"""What the rankers that are networks share: inputs, layers, losses, and how they learn and are kept."""
