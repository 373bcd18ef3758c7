"""Clusters of people: k-means, how many there are, and what they mean."""
