"""The engine: from a roster to clusters, teams and a published result."""
