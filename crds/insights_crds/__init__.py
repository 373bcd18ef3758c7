"""The API of Observer Coordinator Insights: the only definition of every field of its kinds."""
