"""Rules that find dirt: one file a rule, each with its count, its reasons and its quarantine. Imports without torch."""
