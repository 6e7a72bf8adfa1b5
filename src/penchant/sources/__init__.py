"""Public data sets: their files as they are published become a folder that follows the data contract."""
