"""The typed results that stages hand on."""
