"""The work of the commands, each as one call."""
