"""The types that pass between stages, and the readers of files. Imports without torch."""
