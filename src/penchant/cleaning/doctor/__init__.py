"""The data doctor: findings and advice."""
