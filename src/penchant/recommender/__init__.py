"""The recommender: configuration, fit, update, requests, bundle."""
